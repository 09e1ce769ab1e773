"""Our routes of a VirtualService for a split of traffic, and the split that routes of ours make.

https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from canary_adapters.istio.matches import at_gateways, both, with_header, without_suffixes
from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests import Canary, Service
from canary_adapters.manifests.analysis import SessionAffinitySpec
from canary_adapters.manifests.declare import wire
from canary_adapters.manifests.durations import duration_s
from canary_adapters.manifests.hosts import MESH
from canary_core import Audience, Cookies, Traffic

__all__ = ["Backends", "backends_of", "is_tcp", "parse_routes", "render_routes"]

_PARTS: Final = (
    ("rewrite", "rewrite"),
    ("timeout", "timeout"),
    ("retries", "retries"),
    ("cors_policy", "corsPolicy"),
    ("headers", "headers"),
)


@frozen(kw_only=True)
class Backends:
    """The two Services between which traffic is split."""

    namespace: str
    primary: str
    canary: str

    def which(self, host: object) -> str | None:
        """``primary`` or ``canary`` for a host in any of the forms that Istio takes; None for any other."""
        for side, name in (("primary", self.primary), ("canary", self.canary)):
            if host in forms(name, self.namespace):
                return side
        return None


def forms(name: str, namespace: str) -> tuple[str, ...]:
    """How a Service can be called from its own namespace."""
    full = f"{name}.{namespace}"
    return name, full, f"{full}.svc", f"{full}.svc.cluster.local"


def backends_of(canary: Canary) -> Backends:
    """Those of a canary: named for the apex or, where the target is a Service, for the target."""
    names = ObjectNames.of(canary)
    if canary.spec.target_ref.kind == "Service":
        return Backends(namespace=names.namespace, primary=names.primary, canary=f"{names.target}-canary")
    return Backends(namespace=names.namespace, primary=names.apex_primary, canary=names.apex_canary)


def is_tcp(canary: Canary) -> bool:
    """Whether connections are routed rather than requests."""
    return canary.spec.service.is_tcp


# -- From a split to routes -----------------------------------------------------------------------------------------


def render_routes(canary: Canary, traffic: Traffic, *, several_ports: bool = False) -> list[Obj]:
    """Our routes, in the order in which Istio tries them.

    Args:
        canary: What is declared.
        traffic: The split.
        several_ports: Whether the backends have more than one port.
    """
    service = canary.spec.service
    numbered = _is_numbered(service, several_ports=several_ports)
    if is_tcp(canary):
        return _Maker(canary, numbered=numbered).tcp(traffic)
    if several_ports and MESH in service.gateways and set(service.gateways) != {MESH}:
        # A gateway has ports of its own, so a route from there must say which of the backend's it means; a request
        # inside of the mesh goes to the port that it asks for, so a route must not.
        at_the_edge = _Maker(canary, numbered=True, mesh=False).http(traffic)
        return [*at_the_edge, *_Maker(canary, numbered=False, mesh=True).http(traffic)]
    return _Maker(canary, numbered=numbered).http(traffic)


def _is_numbered(service: Service, *, several_ports: bool) -> bool:
    """Outside of the mesh a port has to be named where the Service has several."""
    outside = service.delegation or (bool(service.gateways) and service.gateways[0] != MESH)
    return outside and (service.port_discovery or several_ports)


class _Maker:
    def __init__(self, canary: Canary, *, numbered: bool, mesh: bool | None = None) -> None:
        """Makes routes.

        Args:
            canary: What is declared.
            numbered: Whether destinations name the port.
            mesh: Whether they are for requests inside of the mesh, or through gateways. None: for all.
        """
        self._canary, self._numbered = canary, numbered
        self._service = canary.spec.service
        self._backends = backends_of(canary)
        declared: list[Obj] = [wire(each) for each in self._service.match]
        self._match = declared if mesh is None else at_gateways(declared, self._service.gateways, mesh=mesh)
        self._unreached = mesh is not None and not self._match
        analysed = [without_suffixes(wire(each)) for each in canary.spec.analysis.match]
        self._analysed = both(analysed, self._match) if analysed else []

    def tcp(self, traffic: Traffic) -> list[Obj]:
        ports = [{"port": each["port"]} for each in self._match if each.get("port")]
        return [{**({"match": ports} if ports else {}), "route": self._split(traffic.canary_weight)}]

    def http(self, traffic: Traffic) -> list[Obj]:
        if self._unreached:
            return []
        if traffic.audience is Audience.MATCHED and self._analysed:
            rest = self._route(self._match, [self._to(self._backends.primary, 100)])
            return [*self._sticky(traffic, self._analysed), rest]
        return self._sticky(traffic, self._match)

    def _sticky(self, traffic: Traffic, match: list[Obj]) -> list[Obj]:
        """The split, preceded by rules for users who are to stay where they are."""
        affinity = self._canary.spec.analysis.session_affinity
        cookies = traffic.cookies
        weighted = self._route(match, self._split(traffic.canary_weight))
        if traffic.mirrored:
            weighted["mirror"] = self._host(self._backends.canary)
            if self._canary.spec.analysis.mirror_weight:
                weighted["mirrorPercentage"] = {"value": self._canary.spec.analysis.mirror_weight}
        if affinity is None:
            return [weighted]
        if traffic.canary_weight == 0:
            return [*self._expiring(affinity, cookies, match), weighted]
        if cookies.canary is None:
            return [weighted]
        return self._keeping(affinity, traffic, match)

    def _keeping(self, affinity: SessionAffinitySpec, traffic: Traffic, match: list[Obj]) -> list[Obj]:
        cookies = traffic.cookies
        routes = [self._route(_cookie(match, affinity.cookie_name, cookies.canary), self._split(100))]
        primary, canary = self._split(traffic.canary_weight)
        set_canary = _set_cookie(affinity.cookie_name, cookies.canary, affinity.max_age, affinity)
        canary["headers"] = {"response": {"add": {"Set-Cookie": set_canary}}}
        if affinity.primary_cookie_name and cookies.primary:
            routes.append(self._route(_cookie(match, affinity.primary_cookie_name, cookies.primary), self._split(0)))
            age = int(duration_s(self._canary.spec.analysis.interval) or 60)
            set_primary = _set_cookie(affinity.primary_cookie_name, cookies.primary, age, affinity)
            primary["headers"] = {"response": {"add": {"Set-Cookie": set_primary}}}
        return [*routes, self._route(match, [primary, canary])]

    def _expiring(self, affinity: SessionAffinitySpec, cookies: Cookies, match: list[Obj]) -> list[Obj]:
        if cookies.expired is None:
            return []
        route = self._route(_cookie(match, affinity.cookie_name, cookies.expired), self._split(0))
        gone = {"Set-Cookie": f"{affinity.cookie_name}={cookies.expired}; Max-Age=-1"}
        headers = dict(route.get("headers") or {})
        response = dict(headers.get("response") or {})
        response["add"] = {**(response.get("add") or {}), **gone}
        route["headers"] = {**headers, "response": response}
        return [route]

    def _route(self, match: Sequence[Obj], destinations: list[Obj]) -> Obj:
        found: Obj = {"match": list(match)} if match else {}
        for attribute, name in _PARTS:
            value = getattr(self._service, attribute)
            if value is not None:
                found[name] = wire(value)
        if "rewrite" in found:
            found["rewrite"] = {key: text for key, text in found["rewrite"].items() if key in {"uri", "authority"}}
        return {**found, "route": destinations}

    def _split(self, weight: int) -> list[Obj]:
        return [self._to(self._backends.primary, 100 - weight), self._to(self._backends.canary, weight)]

    def _to(self, host: str, weight: int) -> Obj:
        return {"destination": self._host(host), "weight": weight}

    def _host(self, host: str) -> Obj:
        return {"host": host, "port": {"number": self._service.port}} if self._numbered else {"host": host}


def _cookie(match: list[Obj], name: str, value: str | None) -> list[Obj]:
    return with_header(match, "Cookie", f".*{re.escape(name)}.*{value}.*")


def _set_cookie(name: str, value: str | None, age_s: int, affinity: SessionAffinitySpec) -> str:
    parts = [f"{name}={value}", f"Max-Age={age_s}"]
    if affinity.domain:
        parts.append(f"Domain={affinity.domain}")
    parts += [flag for flag, on in (("HttpOnly", affinity.http_only), ("Partitioned", affinity.partitioned)) if on]
    if affinity.path:
        parts.append(f"Path={affinity.path}")
    if affinity.same_site:
        parts.append(f"SameSite={affinity.same_site}")
    if affinity.secure:
        parts.append("Secure")
    return "; ".join(parts)


# -- From routes to a split -----------------------------------------------------------------------------------------


def parse_routes(canary: Canary, routes: Sequence[Mapping[str, Any]]) -> Traffic | None:
    """The split that routes of ours seem to make; whether they are quite as we would write them is another question.

    Args:
        canary: What is declared.
        routes: HTTP or TCP routes that send to one of the two backends.

    Returns:
        None: They make no split.
    """
    backends = backends_of(canary)
    splits = [(route, _weights(route, backends)) for route in routes]
    with_canary = [(route, weights) for route, weights in splits if weights is not None and "canary" in weights]
    if not with_canary:
        return None
    route, weights = with_canary[-1]
    matched = bool(canary.spec.analysis.match) and splits[-1][1] is not None and "canary" not in (splits[-1][1] or {})
    mirror = route.get("mirror") or {}
    return Traffic(
        canary_weight=max(0, min(100, (weights or {})["canary"])),
        mirrored=backends.which(mirror.get("host")) == "canary",
        audience=Audience.MATCHED if matched else Audience.EVERYONE,
        cookies=_cookies(canary, routes, (weights or {})["canary"]),
    )


def _weights(route: Mapping[str, Any], backends: Backends) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for destination in route.get("route") or ():
        side = backends.which((destination.get("destination") or {}).get("host"))
        if side is not None:
            found[side] = int(destination.get("weight") or 0)
    return found or None


def _cookies(canary: Canary, routes: Sequence[Mapping[str, Any]], weight: int) -> Cookies:
    affinity = canary.spec.analysis.session_affinity
    if affinity is None:
        return Cookies()
    current = _value(routes, affinity.cookie_name)
    primary = _value(routes, affinity.primary_cookie_name) if affinity.primary_cookie_name else None
    return Cookies(primary=primary, expired=current) if weight == 0 else Cookies(canary=current, primary=primary)


def _value(routes: Sequence[Mapping[str, Any]], name: str) -> str | None:
    """The value of a cookie in the conditions of any route."""
    begin, end = f".*{re.escape(name)}.*", ".*"
    for route in routes:
        for match in route.get("match") or ():
            header = str(((match.get("headers") or {}).get("Cookie") or {}).get("regex") or "")
            value = header.removeprefix(begin).removesuffix(end)
            if header == f"{begin}{value}{end}" and value.isascii() and value.isalpha():
                return value
    return None
