"""The Services of a canary that are ours, as they should be."""

from collections.abc import Mapping
from typing import Any, Final

from canary_adapters.kubernetes.naming import UNWATCHED_BY_TOOLKIT, owner_reference
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.services.ports import key_of
from canary_adapters.kubernetes.services.takeover import same_ports
from canary_adapters.manifests import Canary
from canary_adapters.manifests.service import ServiceMetadata

__all__ = ["own_service"]

DECLARED: Final = "canary-core/declared"
"""Annotation of a Service of ours: keys of the labels and annotations that we put there, so that they can go again."""


def own_service(
    canary: Canary,
    name: str,
    metadata: ServiceMetadata | None,
    *,
    label: str | None,
    selector: dict[str, str],
    ports: list[Obj],
    live: Obj | None,
) -> Obj:
    """A Service of ours as it should be; ``live`` itself if it is so already.

    What others have added to labels and annotations stays.

    Args:
        canary: Whose Service it is.
        name: Its name.
        metadata: What is declared of its metadata.
        label: The label that it bears with its name for a value. None: the one that it has.
        selector: Whom it sends to.
        ports: Its ports.
        live: As it is. None: it does not exist.
    """
    if live is None:
        return _made(canary, name, label, metadata, selector, sorted(ports, key=key_of))
    spec = live["spec"]
    if label is None:
        label = next((key for key, value in (live["metadata"].get("labels") or {}).items() if value == name), None)
    right = spec.get("selector") == selector and same_ports(ports, spec.get("ports") or [])
    new_spec = spec if right else {**spec, "selector": selector, "ports": sorted(ports, key=key_of)}
    new_metadata = _owned(canary, name, label, metadata, live["metadata"])
    if right and live["metadata"] in (new_metadata, _unmarked(new_metadata, live["metadata"])):
        return live
    return {**live, "metadata": new_metadata, "spec": new_spec}


def _made(
    canary: Canary,
    name: str,
    label: str | None,
    metadata: ServiceMetadata | None,
    selector: dict[str, str],
    ports: list[Obj],
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
    canary: Canary, name: str, label: str | None, metadata: ServiceMetadata | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations that we put there, without those that are declared to be left alone."""
    unmanaged = canary.spec.service.unmanaged_metadata
    no_labels = frozenset(unmanaged.labels if unmanaged is not None else ())
    no_annotations = frozenset(unmanaged.annotations if unmanaged is not None else ())
    given = metadata if metadata is not None else ServiceMetadata()
    labels = {**(given.labels or {}), **({label: name} if label is not None else {})}
    annotations = {**(given.annotations or {}), **UNWATCHED_BY_TOOLKIT}
    labels = {key: value for key, value in labels.items() if key not in no_labels}
    annotations = {key: value for key, value in annotations.items() if key not in no_annotations}
    keys = sorted({*(f"l:{key}" for key in labels), *(f"a:{key}" for key in annotations)})
    return labels, {**annotations, DECLARED: ",".join(keys)}


def _owned(
    canary: Canary, name: str, label: str | None, metadata: ServiceMetadata | None, old: Mapping[str, Any]
) -> Obj:
    labels, annotations = _declared(canary, name, label, metadata)
    had = set(((old.get("annotations") or {}).get(DECLARED) or "").split(","))
    found: Obj = {
        **old,
        "labels": {k: v for k, v in (old.get("labels") or {}).items() if f"l:{k}" not in had} | labels,
        "annotations": {k: v for k, v in (old.get("annotations") or {}).items() if f"a:{k}" not in had} | annotations,
    }
    if not found["labels"] and "labels" not in old:
        del found["labels"]
    return found


def _unmarked(new: Obj, old: Mapping[str, Any]) -> Obj:
    """Without our mark where it was not before: a Service that Flagger made is in order as it is."""
    if DECLARED in (old.get("annotations") or {}) or DECLARED not in (new.get("annotations") or {}):
        return new
    return {**new, "annotations": {k: v for k, v in new["annotations"].items() if k != DECLARED}}
