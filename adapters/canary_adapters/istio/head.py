"""Hosts and gateways of a canary's VirtualService, and which of them a canary may not have."""

from collections.abc import Iterator, Sequence
from typing import Final

from canary_adapters.istio.routes import backends_of
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.resources import SERVICES, Obj
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.manifests import Canary
from canary_adapters.manifests.hosts import MESH, SEVERAL, GatewayName, foreign_namespace_of, short_name_of
from canary_adapters.manifests.mistakes import shown
from canary_ports import RefusedError

__all__ = ["Heads", "declared_head", "head_of"]

HEAD: Final = ("hosts", "gateways")


def declared_head(canary: Canary) -> Obj:
    """Hosts and gateways as declared: the Canary's word counts, as with Flagger. Empty where others delegate to it."""
    service = canary.spec.service
    if service.delegation:
        return {}
    apex = ObjectNames.of(canary).apex
    hosts = list(service.hosts)
    if apex not in hosts and "*" not in hosts:
        hosts.append(apex)
    return {"hosts": hosts, "gateways": list(service.gateways) or [MESH]}


def head_of(spec: Obj) -> Obj:
    """Hosts and gateways of a VirtualService, as far as it has them."""
    return {name: spec[name] for name in HEAD if name in spec}


class Heads:
    """Judges hosts and gateways of one canary."""

    def __init__(self, cluster: Cluster, canary: Canary, settings: ObjectSettings) -> None:
        """Makes one for a tick.

        Args:
            cluster: Knows which Services there are, in the namespaces that the controller serves.
            canary: As it is declared now.
            settings: What the installation allows.
        """
        self._cluster, self._canary, self._settings = cluster, canary, settings
        self._namespace = canary.namespace

    def objection(self) -> RefusedError | None:
        """Why the canary may not have what it declares. None: it may."""
        head, backends = declared_head(self._canary), backends_of(self._canary)
        found = self.objection_to(head)
        if found is not None:
            return found
        for name in (backends.primary, backends.canary):  # the hosts of the DestinationRules
            found = self._of_host("spec.service.name", name, in_mesh=True)
            if found is not None:
                return found
        return None

    def objection_to(self, head: Obj) -> RefusedError | None:
        """Why the canary may not have these hosts and gateways. None: it may."""
        hosts, gateways = head.get("hosts") or [], head.get("gateways") or [MESH]
        return next(self._objections(hosts, gateways), None)

    def wanted(self, live: Obj) -> Obj:
        """What a VirtualService should have: what is declared or, while that is not allowed, what it has.

        Without hosts that have become the names of another namespace's Services.

        Args:
            live: The VirtualService as it is.
        """
        if self.objection() is None:
            return declared_head(self._canary)
        found = head_of(live["spec"])
        if "hosts" in found:
            found["hosts"] = [host for host in found["hosts"] if self._taken_by(host) is None]
        return found

    # -- Inside -----------------------------------------------------------------------------------------------------

    def _objections(self, hosts: Sequence[str], gateways: Sequence[str]) -> Iterator[RefusedError]:
        declared = len(self._canary.spec.service.hosts)
        for index, host in enumerate(hosts):
            where = f"spec.service.hosts[{index}]" if index < declared else "spec.service.name"
            found = self._of_host(where, host, in_mesh=MESH in gateways)
            if found is not None:
                yield found
        for index, gateway in enumerate(gateways):
            if not self._is_allowed(gateway):
                allowed = ", ".join(self._settings.gateways or ()) or "none"
                yield RefusedError(
                    "GatewayNotAllowed",
                    f"spec.service.gateways[{index}] {shown(gateway)} is in another namespace: it must be {MESH}, one "
                    f"of namespace {self._namespace}, or one of those that -allowed-gateways lists ({allowed})",
                )

    def _of_host(self, where: str, host: str, *, in_mesh: bool) -> RefusedError | None:
        if self._settings.cross_namespace_hosts:
            return None
        place = foreign_namespace_of(host, self._namespace, cluster_domain=self._settings.cluster_domain)
        if place is None or (place == SEVERAL and not in_mesh):  # at a gateway it takes what nobody else has there
            place = self._taken_by(host)
        if place is None:
            return None
        whose = "other namespaces" if place == SEVERAL else f"namespace {place}"
        return RefusedError(
            "HostOfAnotherNamespace",
            f"{where} {shown(host)} names Services of {whose}, and would take their requests: it must name a Service "
            f"of namespace {self._namespace}, or a public host; -allow-cross-namespace-hosts allows it",
        )

    def _taken_by(self, host: str) -> str | None:
        """The namespace of which a Service, or a Pod of one, has just this for its short name. None: there is none."""
        name = None if self._settings.cross_namespace_hosts else short_name_of(host, self._namespace)
        service = self._cluster.get(SERVICES, name.namespace, name.name) if name is not None else None
        if name is None or service is None:
            return None
        return name.namespace if not name.of_pod or service["spec"].get("clusterIP") == "None" else None

    def _is_allowed(self, gateway: str) -> bool:
        allowed = self._settings.gateways
        name = GatewayName.of(gateway, self._namespace)
        return allowed is None or name is None or name.namespace == self._namespace or name.is_one_of(allowed)
