"""The VirtualService of a canary: our routes between those of others, and back again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from attrs import evolve

from canary_adapters.istio.head import declared_head, head_of
from canary_adapters.istio.precedence import takes_all
from canary_adapters.istio.routes import backends_of, forms, is_tcp, parse_routes, render_routes
from canary_adapters.kubernetes.naming import UNWATCHED_BY_TOOLKIT, ObjectNames, owner_reference
from canary_adapters.kubernetes.originals import (
    NOTE,
    annotations_of,
    applied_spec,
    noted,
    read_json,
    read_note,
    restored,
    values_before,
)
from canary_adapters.kubernetes.ownership import Owner, owner_of
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests import Canary
from canary_core import Traffic

__all__ = [
    "is_noted",
    "original_spec",
    "read_traffic",
    "released",
    "released_spec",
    "sends_to_us",
    "wanted_virtual_service",
]

ORIGINAL: Final = "flagger.kubernetes.io/original-configuration"
"""Annotation: the spec as it was before our first change, as JSON, where Flagger looks for it as well."""
PRIMARY_COOKIE: Final = "canary-core/primary-cookie"
"""Annotation: the primary's cookie between rollouts, when no route carries it."""
_OURS: Final = frozenset({NOTE, ORIGINAL, PRIMARY_COOKIE})


def wanted_virtual_service(
    canary: Canary, traffic: Traffic, live: Obj | None, head: Obj | None = None, *, several_ports: bool = False
) -> Obj:
    """The VirtualService for a split; ``live`` itself if it is so already.

    Routes that send to neither of our backends, nor to the Service or target whose traffic is split, are somebody
    else's and stay as they are, in their places; so does all else that is not ours. But in a VirtualService that was
    made for the canary, ours come before one that takes every request: behind it they would have no effect.

    Args:
        canary: What is declared.
        traffic: The split.
        live: As it is. None: it does not exist.
        head: Hosts and gateways. None: those that are declared.
        several_ports: Whether the backends have more than one port.
    """
    routes = render_routes(canary, traffic, several_ports=several_ports)
    if live is None:
        return _made(canary, traffic, routes)
    spec = live["spec"]
    part = _part(canary)
    head = declared_head(canary) if head is None else head
    new_spec = {**spec, **head, part: _merged(canary, spec.get(part) or [], routes, first=_is_ours(canary, live))}
    if canary.spec.service.delegation:
        for name in ("hosts", "gateways"):
            new_spec.pop(name, None)
    metadata = _metadata(canary, traffic, live, changed=new_spec != spec)
    if (metadata, new_spec) == (live["metadata"], spec):
        return live
    return {**live, "metadata": metadata, "spec": new_spec}


def read_traffic(canary: Canary, live: Obj, head: Obj | None = None, *, several_ports: bool = False) -> Traffic | None:
    """The split that a VirtualService has in force, if it is in every part as we would write it; else None.

    Args:
        canary: What is declared.
        live: The VirtualService.
        head: As for `wanted_virtual_service`.
        several_ports: As for `wanted_virtual_service`.
    """
    ours = [route for route in live["spec"].get(_part(canary)) or () if _sends_to_backends(canary, route)]
    found = parse_routes(canary, ours)
    if found is None:
        return None
    kept = (live["metadata"].get("annotations") or {}).get(PRIMARY_COOKIE)
    affinity = canary.spec.analysis.session_affinity
    if kept and affinity is not None and affinity.primary_cookie_name and found.cookies.primary is None:
        found = evolve(found, cookies=evolve(found.cookies, primary=kept))
    wanted = wanted_virtual_service(canary, found, live, head, several_ports=several_ports)
    return found if wanted["spec"] == live["spec"] else None


def sends_to_us(canary: Canary, live: Obj) -> bool:
    """Whether any route of a VirtualService sends to one of our backends."""
    return any(_sends_to_backends(canary, route) for route in live["spec"].get(_part(canary)) or ())


def released_spec(canary: Canary, live: Obj) -> Obj | None:
    """The spec without us: as it was before, with what others have made of their part of it since.

    Returns:
        None: Nobody knows how it was.
    """
    original = original_spec(canary, live)
    if original is None:
        return None
    part = _part(canary)
    before, now = original.get(part) or [], live["spec"].get(part) or []
    if _foreign(canary, before) == _foreign(canary, now):
        routes = before
    else:
        routes = _merged(canary, now, [route for route in before if _is_replaced(canary, route)])
    found = {key: value for key, value in live["spec"].items() if key not in {*declared_head(canary), part}}
    found |= head_of(original)
    return {**found, part: routes} if routes or part in original else found


def original_spec(canary: Canary, live: Obj) -> Obj | None:
    """The spec as it was before us: by our note or Flagger's, or else as it was applied last. None: nobody knows.

    A spec that sends to our backends already is one that Flagger made, or that was delivered with its routes.
    """
    known = (read_json(live, ORIGINAL), applied_spec(live))
    return next((spec for spec in known if _is_spec(spec) and not sends_to_us(canary, {"spec": spec})), None)


def _is_spec(found: Obj | None) -> TypeGuard[Obj]:
    """Whether what people can write into an annotation has the shape of a spec, as far as we look into one."""
    if found is None:
        return False
    names = [found.get(part) or [] for part in ("hosts", "gateways")]
    routes = [found.get(part) or [] for part in ("http", "tcp", "tls")]
    return all(_all_are(str, each) for each in names) and all(_are_routes(each) for each in routes)


def _are_routes(found: Any) -> bool:
    if not _all_are(dict, found):
        return False
    ways = [route.get("route") or [] for route in found]
    return all(_all_are(dict, way) and _all_are(dict, [to.get("destination") or {} for to in way]) for way in ways)


def _all_are(kind: type[Any], found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(each, kind) for each in found)


def released(live: Obj, spec: Obj) -> Obj:
    """The VirtualService of somebody else with a spec without us, and metadata without what we put there."""
    note = read_note(live) or {}
    metadata = {key: value for key, value in live["metadata"].items() if key not in {"labels", "annotations"}}
    annotations = restored(annotations_of(live), note.get("annotations", dict.fromkeys(UNWATCHED_BY_TOOLKIT)))
    annotations = {key: value for key, value in annotations.items() if key not in _OURS}
    labels = restored(live["metadata"].get("labels") or {}, note.get("labels"))
    if annotations:
        metadata["annotations"] = annotations
    if labels:
        metadata["labels"] = labels
    return {**live, "metadata": metadata, "spec": spec}


def is_noted(live: Obj) -> bool:
    """Whether it says how it was before us."""
    return bool({NOTE, ORIGINAL} & annotations_of(live).keys())


def _made(canary: Canary, traffic: Traffic, routes: list[Obj]) -> Obj:
    labels, declared = _declared(canary)
    annotations = {**declared, **UNWATCHED_BY_TOOLKIT}
    if traffic.cookies.primary:
        annotations[PRIMARY_COOKIE] = traffic.cookies.primary
    metadata: Obj = {
        "name": ObjectNames.of(canary).apex,
        "annotations": annotations,
        "ownerReferences": [owner_reference(canary)],
    }
    if labels:
        metadata["labels"] = labels
    return {"metadata": metadata, "spec": {**declared_head(canary), _part(canary): routes}}


def _is_ours(canary: Canary, live: Obj) -> bool:
    """Whether it was made for this canary, or for one of its name before."""
    return owner_of(live, canary) in {Owner.CANARY, Owner.NAMESAKE}


def _part(canary: Canary) -> str:
    return "tcp" if is_tcp(canary) else "http"


def _metadata(canary: Canary, traffic: Traffic, live: Obj, *, changed: bool) -> Obj:
    metadata = live["metadata"]
    old, old_labels = annotations_of(live), metadata.get("labels") or {}
    labels_by_us, declared = _declared(canary)
    labels = {**old_labels, **labels_by_us}
    ours = _is_ours(canary, live)
    by_us = {**UNWATCHED_BY_TOOLKIT, **declared} if ours or changed else {}
    annotations = {key: value for key, value in old.items() if key != PRIMARY_COOKIE} | by_us
    if not ours and (changed or labels != old_labels):
        annotations |= _notes(canary, live, labels_by_us, by_us)
    if traffic.cookies.primary:
        annotations[PRIMARY_COOKIE] = traffic.cookies.primary
    found = {**metadata, "annotations": annotations} if annotations != old else dict(metadata)
    return {**found, "labels": labels} if labels != old_labels else found


def _declared(canary: Canary) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations of the apex; none by which somebody could say how it was before us."""
    apex = canary.spec.service.apex
    if apex is None:
        return {}, {}
    return dict(apex.labels or {}), {key: text for key, text in (apex.annotations or {}).items() if key not in _OURS}


def _notes(canary: Canary, live: Obj, labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, str]:
    """Annotations that say how a VirtualService of somebody else was before us.

    Args:
        canary: What is declared.
        live: As it is.
        labels: Those that we set.
        annotations: Those that we set.
    """
    old, note = annotations_of(live), read_note(live) or {}
    changed_before = sends_to_us(canary, live)
    unknown = changed_before and not note  # by Flagger, or by an older release
    before = {
        "labels": values_before(live["metadata"].get("labels") or {}, labels, note.get("labels")),
        "annotations": values_before({} if unknown else old, annotations, note.get("annotations")),
    }
    found = {NOTE: noted(before)}
    if ORIGINAL not in old and not changed_before:
        found[ORIGINAL] = json.dumps(live["spec"], sort_keys=True)
    return found


def _merged(canary: Canary, live: Sequence[Obj], ours: list[Obj], *, first: bool = False) -> list[Obj]:
    """Our routes where the first that they replace was, or else at the end.

    Args:
        canary: What is declared.
        live: The routes as they are.
        ours: In the place of those that they replace.
        first: Whether they come before the first that takes every request, in any case.
    """
    replaced = [_is_replaced(canary, route) for route in live]
    ends = [known or (first and takes_all(route)) for known, route in zip(replaced, live, strict=True)]
    place = ends.index(True) if True in ends else len(live)
    kept = [(route, index) for index, route in enumerate(live) if not replaced[index]]
    return [*(r for r, i in kept if i < place), *ours, *(r for r, i in kept if i >= place)]


def _foreign(canary: Canary, routes: Sequence[Obj]) -> list[Obj]:
    return [route for route in routes if not _is_replaced(canary, route)]


def _destinations(route: Mapping[str, Any]) -> list[object]:
    return [(each.get("destination") or {}).get("host") for each in route.get("route") or ()]


def _sends_to_backends(canary: Canary, route: Mapping[str, Any]) -> bool:
    backends = backends_of(canary)
    return any(backends.which(host) is not None for host in _destinations(route))


def _is_replaced(canary: Canary, route: Mapping[str, Any]) -> bool:
    names = ObjectNames.of(canary)
    whole = {*forms(names.apex, names.namespace), *forms(names.target, names.namespace)}
    return _sends_to_backends(canary, route) or any(host in whole for host in _destinations(route))
