"""The provider ``kubernetes``, as the controller finds it, and what other routers share with it: the Services."""

from collections.abc import Iterator
from typing import Final

from canary_adapters.extensions import Extension, Given, Right
from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.resources import SERVICES, Ref
from canary_adapters.kubernetes.services.router import ServiceRouter
from canary_adapters.manifests import Canary
from canary_ports import RouterPort

__all__ = ["SERVICE_RIGHTS", "ServiceExtension", "service_refs"]

SERVICE_RIGHTS: Final = Right(SERVICES, ("list", "watch", "create", "update", "delete"))


def service_refs(canary: Canary) -> Iterator[Ref]:
    """The Services of a canary: apex, primary and canary."""
    names = ObjectNames.of(canary)
    for name in (names.apex, names.apex_primary, names.apex_canary):
        yield SERVICES, names.namespace, name


class ServiceExtension(Extension[RouterPort]):
    """Sends all traffic to one side, by selectors of Services."""

    rights = (SERVICE_RIGHTS,)
    rehearses = True

    def refs(self, canary: Canary) -> Iterator[Ref]:
        """Its Services."""
        return service_refs(canary)

    def make(self, given: Given) -> RouterPort:
        """The Services of one canary."""
        return ServiceRouter(given.cluster, given.canary, given.options.objects)
