"""The three Services of a canary, as they should be."""

from collections.abc import Mapping
from typing import Any, Final

from canary_adapters.kubernetes.naming import UNWATCHED_BY_TOOLKIT, is_owned_by, owner_reference
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests import Canary
from canary_adapters.manifests.service import ServiceMetadata

__all__ = ["wanted_service"]

DECLARED: Final = "canary-core/declared"
"""Annotation of a Service of ours: keys of the labels and annotations that we put there, so that they can go again."""


def wanted_service(
    canary: Canary, name: str, metadata: ServiceMetadata | None, *, selector: Obj, ports: list[Obj], live: Obj | None
) -> Obj:
    """A Service as it should be; ``live`` itself if it is so already.

    Of a Service that somebody else made, only ports and selector are put right. What others have added to labels and
    annotations stays in any case.

    Args:
        canary: Whose Service it is.
        name: Its name.
        metadata: What is declared of its metadata.
        selector: Whom it sends to.
        ports: Its ports.
        live: As it is. None: it does not exist.
    """
    label = next(iter(selector))
    if live is None:
        return _made(canary, name, label, metadata, selector, ports)
    spec = live["spec"]
    kept = _carried_over(ports, spec.get("ports") or [])
    right = spec.get("selector") == selector and kept == _sorted(spec.get("ports") or [])
    new_spec = spec if right else {**spec, "selector": selector, "ports": kept}
    if is_owned_by(live, canary):
        new_metadata = _owned(canary, name, label, metadata, live["metadata"])
    elif right:
        new_metadata = live["metadata"]
    else:
        annotations = {**(live["metadata"].get("annotations") or {}), **UNWATCHED_BY_TOOLKIT}
        new_metadata = {**live["metadata"], "annotations": annotations}
    if right and live["metadata"] in (new_metadata, _unmarked(new_metadata, live["metadata"])):
        return live
    return {**live, "metadata": new_metadata, "spec": new_spec}


def _made(
    canary: Canary, name: str, label: str, metadata: ServiceMetadata | None, selector: Obj, ports: list[Obj]
) -> Obj:
    service = canary.spec.service
    spec: Obj = {"type": "ClusterIP", "selector": selector, "ports": ports}
    if service.headless:
        spec["clusterIP"] = "None"
    if service.traffic_distribution:
        spec["trafficDistribution"] = service.traffic_distribution
    labels, annotations = _declared(canary, name, label, metadata)
    return {
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference(canary)],
        },
        "spec": spec,
    }


def _declared(
    canary: Canary, name: str, label: str, metadata: ServiceMetadata | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations that we put there, without those that are declared to be left alone."""
    unmanaged = canary.spec.service.unmanaged_metadata
    no_labels = frozenset(unmanaged.labels if unmanaged is not None else ())
    no_annotations = frozenset(unmanaged.annotations if unmanaged is not None else ())
    given = metadata if metadata is not None else ServiceMetadata()
    labels = {**(given.labels or {}), label: name}
    annotations = {**(given.annotations or {}), **UNWATCHED_BY_TOOLKIT}
    labels = {key: value for key, value in labels.items() if key not in no_labels}
    annotations = {key: value for key, value in annotations.items() if key not in no_annotations}
    keys = sorted({*(f"l:{key}" for key in labels), *(f"a:{key}" for key in annotations)})
    return labels, {**annotations, DECLARED: ",".join(keys)}


def _owned(canary: Canary, name: str, label: str, metadata: ServiceMetadata | None, old: Mapping[str, Any]) -> Obj:
    labels, annotations = _declared(canary, name, label, metadata)
    had = set(((old.get("annotations") or {}).get(DECLARED) or "").split(","))
    return {
        **old,
        "labels": {k: v for k, v in (old.get("labels") or {}).items() if f"l:{k}" not in had} | labels,
        "annotations": {k: v for k, v in (old.get("annotations") or {}).items() if f"a:{k}" not in had} | annotations,
    }


def _unmarked(new: Obj, old: Mapping[str, Any]) -> Obj:
    """Without our mark where it was not before: a Service that Flagger made is in order as it is."""
    if DECLARED in (old.get("annotations") or {}) or DECLARED not in (new.get("annotations") or {}):
        return new
    return {**new, "annotations": {k: v for k, v in new["annotations"].items() if k != DECLARED}}


def _carried_over(wanted: list[Obj], live: list[Obj]) -> list[Obj]:
    """The wanted ports with the node ports that the live ones of their names have."""
    nodes = {port.get("name"): port["nodePort"] for port in live if port.get("nodePort")}
    return _sorted([{**port, "nodePort": nodes[port["name"]]} if port["name"] in nodes else port for port in wanted])


def _sorted(ports: list[Obj]) -> list[Obj]:
    return sorted(ports, key=lambda port: int(port["port"]))
