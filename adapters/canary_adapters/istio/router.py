"""Routing by Istio: Services, DestinationRules and a VirtualService, written so that no request is lost."""

from collections.abc import Iterator
from typing import Final

from canary_adapters.istio.head import Heads, declared_head, head_of
from canary_adapters.istio.precedence import shadow_of
from canary_adapters.istio.protocols import carries_connections
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.istio.routes import backends_of
from canary_adapters.istio.virtual_service import (
    is_noted,
    read_traffic,
    released,
    released_spec,
    sends_to_us,
    wanted_virtual_service,
)
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import UNWATCHED_BY_TOOLKIT, ObjectNames, is_owned_by, owner_reference
from canary_adapters.kubernetes.originals import check_size
from canary_adapters.kubernetes.ownership import Ownership
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.services import Services
from canary_adapters.kubernetes.services.ports import words
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.manifests import Canary
from canary_adapters.manifests.declare import wire
from canary_adapters.manifests.hosts import MESH
from canary_core import Traffic
from canary_ports import RefusedError

__all__ = ["IstioRouter"]


_ADVICE: Final = {
    VIRTUAL_SERVICES: "delete it, or choose another spec.service.name",
    DESTINATION_RULES: "delete it, and declare spec.service.trafficPolicy in its place",
}


class IstioRouter:
    """The routes of a canary as a `canary_ports.RouterPort`."""

    def __init__(self, cluster: Cluster, canary: Canary, settings: ObjectSettings) -> None:
        """Makes one for a tick.

        Args:
            cluster: Reads and writes.
            canary: As it is declared now.
            settings: What the installation decides.
        """
        self._cluster, self._canary = cluster, canary
        self._names, self._ownership = ObjectNames.of(canary), Ownership(cluster, canary, advice=_ADVICE)
        self._services, self._heads = Services(cluster, canary, settings), Heads(cluster, canary, settings)
        self._going = canary.metadata.deletion_timestamp is not None

    def read(self) -> Traffic | None:
        """The split in force. None: there is none of ours, or one of its objects is not as it should be.

        Of a canary that is being deleted the routes are ours until all of them are given back, in whatever order they
        are: what was given back by half must not pass for done.
        """
        live = self._virtual_service()
        if self._going:
            return self._left(live)
        if live is None:
            return None
        if any(wanted is not found and not self._ownership.is_foreign(found) for wanted, found in self._rules()):
            return None
        several = self._services.has_several_ports
        traffic = read_traffic(self._canary, live, self._heads.wanted(live), several_ports=several)
        return traffic if traffic is not None and self._reaches_the_same(traffic) else None

    def ensure(self, traffic: Traffic) -> None:
        """Have this split in force: backends first, then the routes to them, then the apex Service.

        Nothing is begun to which there is an objection. What was begun goes on: Services and DestinationRules that are
        somebody else's by now are left alone, and hosts and gateways that are not allowed by now stay as they are.

        The apex sends to the primary, as with Flagger: it is for clients who do not come through the mesh. Only when
        all traffic is the canary's, and no primary is there that could stay, it sends to the canary.

        Raises:
            RefusedError: It would cut clients off, the objects belong to somebody else, or there is an `objection`.
        """
        live = self._virtual_service()
        head, several = self._heads.wanted(live) if live is not None else None, self._services.has_several_ports
        wanted = wanted_virtual_service(self._canary, traffic, live, head, several_ports=several)
        self._check(traffic, live, wanted)
        self._services.ensure_backends()
        for rule, found in self._rules():
            if not self._ownership.is_foreign(found):
                self._ownership.put(DESTINATION_RULES, rule, found)
        self._ownership.put(VIRTUAL_SERVICES, wanted, live, given=True)
        self._services.ensure_apex(to_canary=self._needs_no_primary(traffic))

    def objection(self) -> RefusedError | None:
        """Why no rollout should begin: its weights would have no effect, or objects that it needs are somebody else's.

        None: it may.
        """
        return (
            self._of_others(self._virtual_service())
            or self._services.objection()
            or self._of_connections()
            or self._services.canary_objection()
        )

    def give_way(self) -> None:
        """Take hosts out of the VirtualService that have become the names of another namespace's Services.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        live = self._virtual_service()
        if live is None or self._heads.objection() is None or not sends_to_us(self._canary, live):
            return
        spec = {**live["spec"], **self._heads.wanted(live)}
        if spec != live["spec"] and not self._ownership.is_foreign(live, given=True):
            self._ownership.put(VIRTUAL_SERVICES, {**live, "spec": spec}, live, given=True)

    def release(self) -> None:
        """Give the apex Service back first, so that whoever is not routed by us any more reaches the target."""
        self._services.release()
        live = self._virtual_service()
        if live is None or self._ownership.is_foreign(live, given=True):
            return
        if is_owned_by(live, self._canary):
            # Its hosts are those of the apex Service: without it, requests go where that sends them.
            self._cluster.delete(VIRTUAL_SERVICES, live)
            return
        spec = released_spec(self._canary, live)
        if spec is None or (head_of(spec) != head_of(live["spec"]) and self._heads.objection_to(head_of(spec))):
            # Nobody knows how it was, or what is said of that is nothing that a canary may have.
            spec = self._to_apex(live["spec"])
        new = released(live, spec)
        if new != live and (is_noted(live) or spec != live["spec"]):
            self._cluster.replace(VIRTUAL_SERVICES, new)

    # -- Inside -----------------------------------------------------------------------------------------------------

    def _left(self, live: Obj | None) -> Traffic | None:
        ours = live is not None and not self._ownership.is_foreign(live, given=True)
        if live is not None and ours and sends_to_us(self._canary, live):
            return read_traffic(self._canary, live, several_ports=self._services.has_several_ports) or Traffic()
        if live is not None and ours and is_noted(live) and not is_owned_by(live, self._canary):
            return Traffic()
        return None if self._services.given_back else Traffic()

    def _to_apex(self, spec: Obj) -> Obj:
        """Nobody knows how it was: what went to us goes to the apex."""
        backends = backends_of(self._canary)
        plain = [{"destination": {"host": self._names.apex}}]

        def ours(route: Obj) -> bool:
            hosts = ((each.get("destination") or {}).get("host") for each in route.get("route") or ())
            return any(backends.which(host) is not None for host in hosts)

        found = dict(spec)
        for part in ("http", "tcp"):
            if spec.get(part):
                found[part] = [
                    {**{k: v for k, v in route.items() if not k.startswith("mirror")}, "route": plain}
                    if ours(route)
                    else route
                    for route in spec[part]
                ]
        return found

    def _needs_no_primary(self, traffic: Traffic) -> bool:
        """Whether clients who do not come through the mesh have to go where all others go: the primary is none."""
        return traffic.leaves_primary_nothing and not self._services.primary_lasts

    def _reaches_the_same(self, traffic: Traffic) -> bool:
        """Whether the Services are in order for a split; with all of it on the canary, the apex may send there, too."""
        if traffic.leaves_primary_nothing and self._services.in_order(to_canary=True):
            return True
        return not self._needs_no_primary(traffic) and self._services.in_order()

    def _check(self, traffic: Traffic, live: Obj | None, wanted: Obj) -> None:
        """Refuse before anything is written what cannot be, but never that all traffic goes back to the primary."""
        self._ownership.check(VIRTUAL_SERVICES, live, given=True)
        if live is None or not sends_to_us(self._canary, live):
            objection = self._of_others(live) or (None if self._services.have_begun else self._of_connections())
            if objection is not None:
                raise objection
            if live is not None:
                check_size("virtualservice", wanted)
        self._services.check(reaches_canary=traffic.reaches_canary)

    def _of_others(self, live: Obj | None) -> RefusedError | None:
        """Something that is somebody else's is needed, or has the requests that are to be split."""
        found = (
            self._heads.objection()
            or self._ownership.refusal(VIRTUAL_SERVICES, live, given=True)
            or self._services.not_ours()
            or self._of_rules()
        )
        return found or self._shadowed(live)

    def _of_connections(self) -> RefusedError | None:
        """A Service of people has the declared port under a name by which Istio routes connections, not requests."""
        port, service = self._services.live_port, self._canary.spec.service
        if port is None or service.app_protocol or not carries_connections(port):
            return None
        return RefusedError(
            "ServicePortMismatch",
            f"spec.service.portName {service.port_name}: service {self._names.apex}.{self._names.namespace} has "
            f"{words(port)}, and by that Istio routes connections there, not requests; declare appProtocol: http (or "
            "tcp, to split connections), or change the Service first",
        )

    def _of_rules(self) -> RefusedError | None:
        wrong = (live for wanted, live in self._rules() if wanted is not live)
        found = (self._ownership.refusal(DESTINATION_RULES, live) for live in wrong)
        return next((each for each in found if each is not None), None)

    def _shadowed(self, live: Obj | None) -> RefusedError | None:
        """Another VirtualService that has the requests which ours is to split."""
        head = declared_head(self._canary)
        if not head:  # others delegate to it
            return None
        shadow = shadow_of(self._canary, head, live, self._cluster.list(VIRTUAL_SERVICES, self._names.namespace))
        if shadow is None:
            return None
        where = "in the mesh" if shadow.gateway == MESH else f"at gateway {shadow.gateway}"
        return RefusedError(
            "VirtualServiceShadowed",
            f"virtualservice {shadow.name}.{self._names.namespace} comes before {self._names.apex} for host "
            f"{shadow.host} {where}, so that weights would have no effect there; take the host out of it, or delete it",
        )

    def _rules(self) -> Iterator[tuple[Obj, Obj | None]]:
        """As they should be and as they are; the same one twice if it is as it should be."""
        backends = backends_of(self._canary)
        policy = self._canary.spec.service.traffic_policy
        for host in (backends.canary, backends.primary):
            live = self._cluster.get(DESTINATION_RULES, self._names.namespace, host)
            spec: Obj = {"host": host}
            if policy is not None:
                spec["trafficPolicy"] = wire(policy)
            if live is None:
                metadata: Obj = {
                    "name": host,
                    "annotations": dict(UNWATCHED_BY_TOOLKIT),
                    "ownerReferences": [owner_reference(self._canary)],
                }
                yield {"metadata": metadata, "spec": spec}, None
            else:
                yield (live if live["spec"] == spec else {**live, "spec": spec}), live

    def _virtual_service(self) -> Obj | None:
        return self._cluster.get(VIRTUAL_SERVICES, self._names.namespace, self._names.apex)
