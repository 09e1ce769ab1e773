"""Routing by Istio: Services, DestinationRules and a VirtualService, written so that no request is lost."""

from collections.abc import Iterator

from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.istio.routes import backends_of
from canary_adapters.istio.virtual_service import (
    ORIGINAL,
    PRIMARY_COOKIE,
    read_traffic,
    released_spec,
    sends_to_us,
    wanted_virtual_service,
)
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import UNWATCHED_BY_TOOLKIT, ObjectNames, is_owned_by, owner_reference
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.services import Services
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.manifests import Canary
from canary_adapters.manifests.declare import wire
from canary_core import Traffic
from canary_ports import RefusedError

__all__ = ["IstioRouter"]


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
        self._names = ObjectNames.of(canary)
        self._services = Services(cluster, canary, settings)
        self._going = canary.metadata.deletion_timestamp is not None

    def read(self) -> Traffic | None:
        """The split in force. None: there is none of ours, or one of its objects is not as it should be.

        Of a canary that is being deleted the routes are ours until all of them are given back, in whatever order they
        are: what was given back by half must not pass for done.
        """
        live = self._virtual_service()
        if self._going:
            return self._left(live)
        if live is None or not self._services.in_order():
            return None
        if any(wanted is not found for wanted, found in self._rules()):
            return None
        return read_traffic(self._canary, live)

    def ensure(self, traffic: Traffic) -> None:
        """Have this split in force: backends first, then the routes to them, then the apex Service.

        Raises:
            RefusedError: It would cut clients off, or the objects belong to somebody else.
        """
        self._services.check()
        live = self._virtual_service()
        self._refuse_foreign(live)
        self._services.ensure_backends()
        for wanted, found in self._rules():
            if found is None:
                self._cluster.create(DESTINATION_RULES, self._names.namespace, wanted)
            elif wanted is not found:
                self._cluster.replace(DESTINATION_RULES, wanted)
        wanted = wanted_virtual_service(self._canary, traffic, live)
        if live is None:
            self._cluster.create(VIRTUAL_SERVICES, self._names.namespace, wanted)
        elif wanted is not live:
            self._cluster.replace(VIRTUAL_SERVICES, wanted)
        self._services.ensure_apex()

    def release(self) -> None:
        """Give the apex Service back first, so that whoever is not routed by us any more reaches the target."""
        self._services.release()
        live = self._virtual_service()
        if live is None:
            return
        if is_owned_by(live, self._canary):
            # Its hosts are those of the apex Service: without it, requests go where that sends them.
            self._cluster.delete(VIRTUAL_SERVICES, live)
            return
        spec = released_spec(self._canary, live)
        if spec is None:
            spec = self._to_apex(live["spec"])
        gone = {*UNWATCHED_BY_TOOLKIT, ORIGINAL, PRIMARY_COOKIE}
        annotations = {k: v for k, v in (live["metadata"].get("annotations") or {}).items() if k not in gone}
        if spec != live["spec"]:
            self._cluster.replace(
                VIRTUAL_SERVICES,
                {**live, "metadata": {**live["metadata"], "annotations": annotations}, "spec": spec},
            )

    # -- Inside -----------------------------------------------------------------------------------------------------

    def _left(self, live: Obj | None) -> Traffic | None:
        if live is not None and sends_to_us(self._canary, live):
            return read_traffic(self._canary, live) or Traffic()
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

    def _refuse_foreign(self, live: Obj | None) -> None:
        owners = ((live or {"metadata": {}})["metadata"].get("ownerReferences")) or ()
        owner = next((each for each in owners if each.get("controller")), None)
        if live is not None and owner is not None and not is_owned_by(live, self._canary):
            raise RefusedError(
                "VirtualServiceNotOurs",
                f"virtualservice {self._names.apex}.{self._names.namespace} belongs to {owner.get('kind')} "
                f"{owner.get('name')}; choose another spec.service.name",
            )

    def _rules(self) -> Iterator[tuple[Obj, Obj | None]]:
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
