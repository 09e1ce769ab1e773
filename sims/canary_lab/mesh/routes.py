"""The routes that a place in the mesh sees: a virtual host for each Service, by the VirtualServices that name it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from canary_adapters.istio.matches import both
from canary_lab.cluster.store import Obj
from canary_lab.mesh.actions import action, plain_action
from canary_lab.mesh.clusters import policy_of, shares
from canary_lab.mesh.conditions import applies, condition
from canary_lab.mesh.hosts import spellings
from canary_lab.mesh.snapshot import ServicePort, Sidecar, Snapshot, gateway_name

__all__ = ["route_configuration", "tcp_shares"]

_HTTP_PORT = 80


def route_configuration(snapshot: Snapshot, sidecar: Sidecar) -> Obj:
    """All HTTP routes for requests from somewhere."""
    router = _Router(snapshot, sidecar)
    hosts = [*router.services(), *router.others()]
    taken: set[str] = set()
    found = []
    for name, domains, routes in hosts:
        mine = [each for each in domains if each not in taken]  # a domain twice would make Envoy refuse all
        taken.update(mine)
        if mine:
            found.append({"name": name, "domains": mine, "routes": routes})
    return {
        "name": sidecar.name,
        "virtual_hosts": found,
        # At the edge any port will do; inside of the mesh it says which port of a Service is meant.
        "ignore_port_in_host_matching": bool(sidecar.gateway),
        "validate_clusters": False,
    }


def tcp_shares(snapshot: Snapshot, port: ServicePort) -> list[tuple[str, int]]:
    """How connections to a port are divided among clusters."""
    sidecar = Sidecar(name="", namespace=port.namespace)
    router = _Router(snapshot, sidecar)
    for virtual_service in router.of(port):
        namespace = virtual_service["metadata"]["namespace"]
        for route in virtual_service["spec"].get("tcp") or ():
            if any(applies(match, sidecar, port.port, namespace) for match in _matches(route)):
                found = []
                for each in route.get("route") or ():
                    target = router.find(each["destination"], namespace, port.port)
                    weight = int(each.get("weight", 100))
                    found += shares(target, weight) if target else []
                return [(name, share) for name, share in found if share]
    return shares(port, 1)


class _Router:
    def __init__(self, snapshot: Snapshot, sidecar: Sidecar) -> None:
        self._snapshot, self._sidecar = snapshot, sidecar
        self._mine = [each for each in snapshot.virtual_services if self._sees(each)]
        self._by_name = {
            (each["metadata"]["namespace"], each["metadata"]["name"]): each for each in snapshot.virtual_services
        }

    def services(self) -> Iterator[tuple[str, list[str], list[Obj]]]:
        """Name, domains and routes of each port of each Service."""
        if self._sidecar.gateway:
            return
        for port in self._snapshot.ports:
            if port.is_tcp:
                continue
            names = spellings(port.service, port.namespace, self._sidecar.namespace)
            domains = [f"{name}:{port.port}" for name in names] + (list(names) if port.port == _HTTP_PORT else [])
            described = [each for each in self.of(port) if each["spec"].get("http")]
            routes = [route for each in described for route in self._routes(each, port.port)]
            if not described:
                routes = [{"match": {"prefix": "/"}, **plain_action(port, self._policies)}]
            yield f"{port.service}.{port.namespace}:{port.port}", domains, routes

    def others(self) -> Iterator[tuple[str, list[str], list[Obj]]]:
        """Name, domains and routes of hosts that are no Services."""
        for each in self._mine:
            namespace, name = each["metadata"]["namespace"], each["metadata"]["name"]
            hosts = _hosts(each)
            if self._sidecar.gateway:
                domains = [form for host in hosts for form in self._at_the_edge(host, namespace)]
            else:
                services = self._snapshot.ports
                foreign = [host for host in hosts if not any(self._names(host, namespace, each) for each in services)]
                domains = [form for host in foreign for form in ((host,) if host == "*" else (host, f"{host}:*"))]
            if domains:
                yield f"{name}.{namespace}", domains, list(self._routes(each, 0))

    def of(self, port: ServicePort) -> list[Obj]:
        """The VirtualServices that name a Service."""
        return [
            each
            for each in self._mine
            if any(self._names(host, each["metadata"]["namespace"], port) for host in _hosts(each))
        ]

    def find(self, destination: Mapping[str, Any], namespace: str, asked: int) -> ServicePort | None:
        """The port of a Service that a destination means: the one it says, the one asked for, or the only one."""
        host = str(destination.get("host") or "")
        found = [each for each in self._snapshot.ports if self._names(host, namespace, each)]
        wanted = (destination.get("port") or {}).get("number") or asked
        exact = [each for each in found if each.port == wanted]
        return exact[0] if exact else found[0] if len(found) == 1 else None

    def _sees(self, virtual_service: Obj) -> bool:
        namespace = virtual_service["metadata"]["namespace"]
        named = virtual_service["spec"].get("gateways") or ["mesh"]
        here = {name if name == "mesh" else gateway_name(name, namespace) for name in named}
        return bool(virtual_service["spec"].get("hosts")) and (self._sidecar.gateway or "mesh") in here

    @staticmethod
    def _names(host: str, namespace: str, port: ServicePort) -> bool:
        return host in spellings(port.service, port.namespace, namespace)

    @staticmethod
    def _at_the_edge(host: str, namespace: str) -> tuple[str, ...]:
        return (host,) if "." in host or host == "*" else spellings(host, namespace, namespace)

    def _policies(self, port: ServicePort) -> Mapping[str, Any]:
        return policy_of(port, self._snapshot.destination_rules)

    def _routes(self, virtual_service: Obj, asked: int) -> Iterator[Obj]:
        namespace = virtual_service["metadata"]["namespace"]
        for route in self._with_delegates(virtual_service["spec"].get("http") or (), namespace):
            for match in _matches(route):
                # At the edge nobody asks for a port of a Service.
                known = match if asked else {**match, "port": None}
                if not applies(known, self._sidecar, asked, namespace):
                    continue
                done = action(route, match, lambda d: self.find(d, namespace, asked), self._policies)
                yield {"match": condition(match), **done}

    def _with_delegates(self, routes: Iterable[Obj], namespace: str) -> Iterator[Obj]:
        """The routes, each that is delegated replaced by those of the VirtualService that it names."""
        for route in routes:
            named = route.get("delegate")
            if not named:
                yield route
                continue
            place = named.get("namespace") or namespace
            delegate = self._by_name.get((place, named.get("name") or ""))
            for inner in (delegate or {"spec": {}})["spec"].get("http") or ():
                yield _delegated(route, inner, place)


def _hosts(virtual_service: Obj) -> list[str]:
    return [str(host) for host in virtual_service["spec"].get("hosts") or ()]


def _matches(route: Mapping[str, Any]) -> list[Obj]:
    """The conditions of a route, any of which will do; without one, it is for all."""
    return list(route.get("match") or [{}])


def _delegated(outer: Obj, inner: Obj, namespace: str) -> Obj:
    """A delegate's route under the conditions of the route that delegates; its hosts are those of its own namespace."""
    match = both(_matches(inner), _matches(outer))
    targets = [{**each, "destination": _full(each["destination"], namespace)} for each in inner.get("route") or ()]
    mirror = {"mirror": _full(inner["mirror"], namespace)} if inner.get("mirror") else {}
    return {**{k: v for k, v in outer.items() if k != "delegate"}, **inner, "match": match, "route": targets, **mirror}


def _full(destination: Mapping[str, Any], namespace: str) -> Obj:
    host = str(destination["host"])
    return {**destination, "host": host if "." in host else f"{host}.{namespace}"}
