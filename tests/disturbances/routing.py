"""Whom the requests to a host reach, as a mesh would route them: a pure function of the objects of a namespace.

No Endpoints are read: a Service reaches the ready Pods that its selector selects and that have its target port, a
named one being looked up in each Pod (https://kubernetes.io/docs/concepts/services-networking/service/). With a mesh,
the oldest VirtualService that names the host decides, as for Istio's sidecars
(https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services); without one, the Service
of the host. A host without a Service has no address, whatever routes there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import frozen

__all__ = ["NOBODY", "Objects", "Request", "lost_share", "shares"]

Obj: TypeAlias = dict[str, Any]
NOBODY: Final = ""
"""Where requests go that reach no ready Pod of the application."""
_WHOLE: Final = 100.0


@frozen(kw_only=True)
class Objects:
    """The objects of one namespace, as the API server sends them."""

    namespace: str
    services: Sequence[Obj] = ()
    pods: Sequence[Obj] = ()
    virtual_services: Sequence[Obj] = ()


@frozen(kw_only=True)
class Request:
    """A plain request (``GET /`` without headers) from inside of the mesh."""

    host: str
    """Name of a Service of the namespace."""
    port: int
    image: str
    """Image of the application without its tag: who runs another one is another application."""
    is_meshed: bool = True
    """Whether VirtualServices count."""


def lost_share(objects: Objects, request: Request) -> float:
    """The share of requests that no ready Pod of the application answers, percent."""
    return shares(objects, request).get(NOBODY, 0.0)


def shares(objects: Objects, request: Request) -> dict[str, float]:
    """How requests are divided among versions.

    Returns:
        Percent of each version, which is the tag of its image, and of `NOBODY`, of those that get any; they sum to
        100.
    """
    found: defaultdict[str, float] = defaultdict(float)
    for host, port, share in _destinations(objects, request):
        if not share:
            continue
        reached = _tags(objects, request, host, port)
        for tag in reached or [NOBODY]:
            found[tag] += share / max(1, len(reached))
    return dict(found)


# -- Routes ---------------------------------------------------------------------------------------------------------


def _destinations(objects: Objects, request: Request) -> Iterator[tuple[str, int, float]]:
    """Host, port and percent of each destination."""
    apex = _service(objects, request.host)
    if apex is None or _port(apex, request.port) is None:
        yield NOBODY, 0, _WHOLE
        return
    route = _route(objects, request) if request.is_meshed else None
    if route is None:
        yield request.host, request.port, _WHOLE
        return
    targets = route.get("route") or [{}]
    # A single destination needs no weight.
    weights = [float(each.get("weight", 100 if len(targets) == 1 else 0)) for each in targets]
    whole = sum(weights)
    if whole == 0:
        yield NOBODY, 0, _WHOLE
        return
    for each, weight in zip(targets, weights, strict=True):
        destination = each.get("destination") or {}
        number = (destination.get("port") or {}).get("number") or request.port
        yield str(destination.get("host") or NOBODY), int(number), _WHOLE * weight / whole


def _route(objects: Objects, request: Request) -> Obj | None:
    """The HTTP route of a plain request. None: no VirtualService names the host. Empty: one does, but has no route."""
    names = _forms(request.host, objects.namespace)
    named = [each for each in objects.virtual_services if _is_for_mesh(each) and names & set(_hosts(each))]
    if not named:
        return None
    oldest = min(named, key=lambda each: (each["metadata"].get("creationTimestamp") or "", each["metadata"]["name"]))
    routes = oldest["spec"].get("http") or ()
    return next((each for each in routes if _takes_all(each.get("match"))), {})


def _hosts(virtual_service: Obj) -> list[str]:
    return [str(host) for host in virtual_service["spec"].get("hosts") or ()]


def _is_for_mesh(virtual_service: Obj) -> bool:
    return "mesh" in (virtual_service["spec"].get("gateways") or ["mesh"])


def _takes_all(match: object) -> bool:
    """Whether a plain request meets one of these conditions; none at all are met by all."""
    everything: Mapping[str, object] = {"uri": {"prefix": "/"}}
    return not match or (isinstance(match, list) and any(each in ({}, everything) for each in match))


def _forms(name: str, namespace: str) -> set[str]:
    full = f"{name}.{namespace}"
    return {name, full, f"{full}.svc", f"{full}.svc.cluster.local"}


# -- Services and Pods ----------------------------------------------------------------------------------------------


def _service(objects: Objects, host: str) -> Obj | None:
    for each in objects.services:
        if host in _forms(each["metadata"]["name"], objects.namespace):
            return each
    return None


def _port(service: Obj, number: int) -> Obj | None:
    return next((each for each in service["spec"].get("ports") or () if each["port"] == number), None)


def _tags(objects: Objects, request: Request, host: str, number: int) -> list[str]:
    """The version of each Pod that answers; of another application, nobody's."""
    service = _service(objects, host)
    port = _port(service, number) if service is not None else None
    if service is None or port is None:
        return []
    selector = (service["spec"].get("selector") or {}).items()
    target = port.get("targetPort") or port["port"]
    selected = [pod for pod in objects.pods if selector and selector <= (pod["metadata"].get("labels") or {}).items()]
    return [_tag(pod, request.image) for pod in selected if _is_ready(pod) and _listens(pod, target)]


def _is_ready(pod: Obj) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _listens(pod: Obj, target: int | str) -> bool:
    """A Pod without any declared port may listen anywhere; with some, it listens there."""
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports") or ()]
    if isinstance(target, str):
        return any(port.get("name") == target for port in ports)
    return not ports or any(port["containerPort"] == target for port in ports)


def _tag(pod: Obj, image: str) -> str:
    for container in pod["spec"]["containers"]:
        name, _, tag = str(container.get("image") or "").rpartition(":")
        if name == image:
            return tag
    return NOBODY
