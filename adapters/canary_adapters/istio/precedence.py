"""Which VirtualService Istio goes by where several are for the same host.

A sidecar goes by one of them and ignores the others: the oldest, where those that are exported to chosen namespaces
come before all that are exported to everybody. A gateway puts their routes together in this order, so that a route for
all requests hides all that would come after it:
https://istio.io/latest/docs/ops/best-practices/traffic-management/

The other VirtualServices are anybody's: whatever stands in them, they are read, and what makes no sense is passed over.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import frozen

from canary_adapters.istio.routes import is_tcp
from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests import Canary
from canary_adapters.manifests.hosts import MESH, GatewayName

__all__ = ["Shadow", "shadow_of", "takes_all"]

_Rank: TypeAlias = tuple[int, str, str]
_YOUNGEST: Final = "~"
"""In the place of a time, of what is still to be made: after every time that there is."""
_OF_CALLERS: Final = ("sourceLabels", "sourceNamespace")
"""Conditions on who asks, rather than on what is asked for."""


@frozen(kw_only=True)
class Shadow:
    """Another VirtualService that has the requests which a canary's should have."""

    name: str
    host: str
    gateway: str


def shadow_of(canary: Canary, head: Obj, live: Obj | None, others: Iterable[Obj]) -> Shadow | None:
    """The VirtualService that makes a canary's ineffective for one of its hosts at one of its gateways.

    Args:
        canary: What is declared.
        head: Its hosts and gateways.
        live: Its VirtualService as it is. None: it is still to be made.
        others: VirtualServices of its namespace; its own among them does not matter.

    Returns:
        None: There is none.
    """
    names = ObjectNames.of(canary)
    rank = _rank(live) if live is not None else (1, _YOUNGEST, names.apex)
    wanted = {_full(host, names.namespace): host for host in head.get("hosts") or ()}
    at = {_gateway(each, names.namespace): each for each in head.get("gateways") or (MESH,)}
    part = "tcp" if is_tcp(canary) else "http"
    for other in others:
        hosts = wanted.keys() & {_full(host, names.namespace) for host in _listed(_spec(other), "hosts")}
        if not hosts or other["metadata"]["name"] == names.apex or _rank(other) >= rank or _is_hidden(other):
            continue
        for host, gateway in _hidden(canary, _spec(other), part, hosts, at.keys()):
            return Shadow(name=other["metadata"]["name"], host=wanted[host], gateway=at[gateway])
    return None


def _hidden(
    canary: Canary, other: Mapping[str, Any], part: str, hosts: Iterable[str], gateways: Iterable[str]
) -> Iterator[tuple[str, str]]:
    names, service = ObjectNames.of(canary), canary.spec.service
    theirs = {_gateway(each, names.namespace) for each in _listed(other, "gateways") or (MESH,)}
    routes = [route for route in _listed(other, part) if isinstance(route, Mapping)]
    declared = {_full(host, names.namespace) for host in service.hosts}
    picks = bool(service.match or canary.spec.analysis.match)
    for gateway in sorted(theirs & set(gateways)):
        in_mesh = gateway == MESH
        hides = any(_applies(route, gateway, names.namespace, to_all=not in_mesh) for route in routes)
        if not hides or (picks and not in_mesh):
            continue
        for host in sorted(hosts):
            # Nobody calls the Service by its own name from outside, unless it is declared.
            if in_mesh or host in declared:
                yield host, gateway


def _applies(route: Mapping[str, Any], gateway: str, namespace: str, *, to_all: bool) -> bool:
    """Whether a route is for every caller at a gateway and, if that is asked, for every request."""
    matches: Sequence[Any] = _listed(route, "match") or ({},)
    for match in matches:
        if not isinstance(match, Mapping):
            continue
        named = {_gateway(each, namespace) for each in _listed(match, "gateways")}
        if (named and gateway not in named) or any(match.get(key) for key in _OF_CALLERS):
            continue
        if not to_all or _is_everything(
            {k: v for k, v in match.items() if k not in {"gateways", "name", *_OF_CALLERS}}
        ):
            return True
    return False


def takes_all(route: Mapping[str, Any]) -> bool:
    """Whether a route is for every request of every caller, so that none behind it ever gets one."""
    matches = (match for match in _listed(route, "match") or ({},) if isinstance(match, Mapping))
    return any(_is_everything({key: value for key, value in match.items() if key != "name"}) for match in matches)


def _is_everything(match: Mapping[str, Any]) -> bool:
    return match in ({}, {"uri": {"prefix": "/"}}, {"uri": {"regex": ".*"}})


def _rank(virtual_service: Obj) -> _Rank:
    """Smaller comes first."""
    metadata, exported = virtual_service["metadata"], _listed(_spec(virtual_service), "exportTo") or ("*",)
    return int("*" in exported), metadata.get("creationTimestamp") or _YOUNGEST, metadata["name"]


def _is_hidden(virtual_service: Obj) -> bool:
    """Whether it is exported to nobody."""
    return "~" in _listed(_spec(virtual_service), "exportTo")


def _spec(virtual_service: Obj) -> Mapping[str, Any]:
    found = virtual_service.get("spec")
    return found if isinstance(found, Mapping) else {}


def _listed(holder: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = holder.get(name)
    return found if isinstance(found, list) else ()


def _full(host: str, namespace: str) -> str:
    """A host as Istio compares it. What Services end with is left out: all that are compared are of one cluster."""
    plain = str(host).lower()
    labels = plain.split(".")
    if len(labels) >= 3 and labels[1:3] == [namespace, "svc"]:
        return f"{labels[0]}.{namespace}.svc"
    return f"{plain}.{namespace}.svc" if len(labels) == 1 and plain != "*" else plain


def _gateway(written: str, namespace: str) -> str:
    name = GatewayName.of(str(written), namespace)
    return MESH if name is None else str(name)
