"""The provider ``istio``, as the controller finds it."""

from collections.abc import Iterator

from canary_adapters.extensions import Extension, Given, Right
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.istio.router import IstioRouter
from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.resources import SERVICES, Ref
from canary_adapters.kubernetes.services import SERVICE_RIGHTS, service_refs
from canary_adapters.manifests import Canary
from canary_adapters.manifests.hosts import short_name_of
from canary_ports import RouterPort

__all__ = ["IstioExtension"]


class IstioExtension(Extension[RouterPort]):
    """Splits traffic by a VirtualService."""

    rights = (
        SERVICE_RIGHTS,
        Right(VIRTUAL_SERVICES, ("list", "watch", "create", "update", "delete")),
        Right(DESTINATION_RULES, ("list", "watch", "create", "update")),
    )
    rehearses = True

    def refs(self, canary: Canary) -> Iterator[Ref]:
        """Its Services, VirtualService and DestinationRules."""
        names = ObjectNames.of(canary)
        yield from service_refs(canary)
        yield VIRTUAL_SERVICES, names.namespace, names.apex
        for name in (names.apex_primary, names.apex_canary):
            yield DESTINATION_RULES, names.namespace, name
        yield from _services_of_hosts(canary)

    def make(self, given: Given) -> RouterPort:
        """The routes of one canary."""
        return IstioRouter(given.cluster, given.canary, given.options.objects)


def _services_of_hosts(canary: Canary) -> Iterator[Ref]:
    """Those that would make a host, which may be a public name, one that the canary must not have."""
    named = (short_name_of(host, canary.namespace) for host in canary.spec.service.hosts)
    yield from ((SERVICES, each.namespace, each.name) for each in named if each is not None)
