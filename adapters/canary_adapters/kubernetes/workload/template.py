"""The primary's pods: the target's, told apart by a label, with references to the clones of its configuration."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from canary_adapters.kubernetes.naming import REVISION, TEMPLATE, TOOLKIT, LabelFilter, ObjectNames, owner_reference
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.selector import Selector, selected_labels
from canary_adapters.kubernetes.workload.configs import ConfigRef, Tracked, rewritten
from canary_adapters.manifests import Canary

__all__ = ["COPIED", "primary_metadata", "primary_spec"]

COPIED: Final = ("minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit", "strategy")
"""Fields of a Deployment's spec that the primary has from the target, besides the template."""
KEYS: Final = "canary-core/copied"
"""Annotation of a primary: the keys of the labels and annotations that were copied, so that they can go again."""


def primary_metadata(
    canary: Canary,
    target: Obj,
    selector: Selector,
    copied: LabelFilter,
    *,
    revision: str,
    template: str,
    live: Obj | None,
) -> Obj:
    """Metadata of the primary; what others have put there stays.

    Args:
        canary: Whose primary it is.
        target: The target as it is.
        selector: What tells the primary's pods apart.
        copied: Which labels and annotations go on to it.
        revision: Fingerprint of what it is made from.
        template: Fingerprint of its template.
        live: The primary as it is. None: it is made anew.
    """
    source = target["metadata"]
    labels = {**copied(source.get("labels")), selector.label: selector.primary_value}
    chosen = copied(source.get("annotations"))
    annotations = {**chosen, REVISION: revision, TEMPLATE: template}
    keys = ",".join(sorted({*(f"l:{key}" for key in labels), *(f"a:{key}" for key in chosen)}))
    annotations[KEYS] = keys
    if live is None:
        return {
            "name": ObjectNames.of(canary).primary,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference(canary)],
        }
    old = live["metadata"]
    had = set(((old.get("annotations") or {}).get(KEYS) or "").split(","))
    return {
        **old,
        "labels": _merged(old.get("labels"), labels, had, "l:"),
        "annotations": _merged(old.get("annotations"), annotations, had, "a:"),
    }


def _merged(old: Mapping[str, str] | None, new: Mapping[str, str], had: set[str], mark: str) -> dict[str, str]:
    return {key: value for key, value in (old or {}).items() if f"{mark}{key}" not in had} | dict(new)


def primary_spec(
    target: Obj, selector: Selector, labels: Sequence[str], tracked: Sequence[Tracked], replicas: int
) -> Obj:
    """``spec`` of the primary.

    Args:
        target: The target as it is.
        selector: What tells the pods apart.
        labels: All labels that may do so: rules about where pods may run are rewritten for each of them.
        tracked: The configuration, whose clones the primary refers to.
        replicas: Pods to ask for.
    """
    name = target["metadata"]["name"]
    spec = target["spec"]
    template = spec["template"]
    clones = {each.ref: each.clone_name(name) for each in tracked}

    def rename(ref: ConfigRef) -> str:
        return clones.get(ref, ref.name)

    pods = _spread(rewritten(template["spec"], rename), _Rename(selector, labels, name))
    metadata = template.get("metadata") or {}
    new_metadata: Obj = {"labels": {**_foreign(metadata.get("labels")), selector.label: selector.primary_value}}
    annotations = _foreign(metadata.get("annotations"))
    if annotations:
        new_metadata["annotations"] = annotations
    return {
        **{key: spec[key] for key in COPIED if key in spec},
        "replicas": replicas,
        # All labels of the target's selector: one of them alone may be that of several applications.
        "selector": {"matchLabels": {**_foreign(selected_labels(target)), selector.label: selector.primary_value}},
        "template": {"metadata": new_metadata, "spec": pods},
    }


def _foreign(given: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (given or {}).items() if TOOLKIT not in key}


# -- Where pods may run ---------------------------------------------------------------------------------------------


class _Rename:
    """Rules by which the target's pods keep away from each other become rules for the primary's."""

    def __init__(self, selector: Selector, labels: Sequence[str], target: str) -> None:
        self._labels = frozenset({selector.label, *labels})
        self._values = {selector.value: selector.primary_value, target: f"{target}-primary"}

    def __call__(self, selector: Mapping[str, Any]) -> dict[str, Any]:
        new = dict(selector)
        if selector.get("matchLabels"):
            new["matchLabels"] = {
                key: self._value(value) if key in self._labels else value
                for key, value in selector["matchLabels"].items()
            }
        if selector.get("matchExpressions"):
            new["matchExpressions"] = [
                {**rule, "values": [self._value(value) for value in rule.get("values") or ()]}
                if rule.get("key") in self._labels and rule.get("values")
                else rule
                for rule in selector["matchExpressions"]
            ]
        return new

    def _value(self, value: str) -> str:
        return self._values.get(value, value)


def _spread(spec: Obj, rename: _Rename) -> Obj:
    new = dict(spec)
    anti = (spec.get("affinity") or {}).get("podAntiAffinity")
    if anti:
        new["affinity"] = {**spec["affinity"], "podAntiAffinity": _anti(anti, rename)}
    if spec.get("topologySpreadConstraints"):
        new["topologySpreadConstraints"] = [_term(each, rename) for each in spec["topologySpreadConstraints"]]
    return new


def _anti(anti: Mapping[str, Any], rename: _Rename) -> Obj:
    new = dict(anti)
    required, preferred = (
        "requiredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
    )
    if anti.get(required):
        new[required] = [_term(term, rename) for term in anti[required]]
    if anti.get(preferred):
        new[preferred] = [
            {**each, "podAffinityTerm": _term(each["podAffinityTerm"], rename)} for each in anti[preferred]
        ]
    return new


def _term(term: Mapping[str, Any], rename: _Rename) -> Obj:
    if not term.get("labelSelector"):
        return dict(term)
    return {**term, "labelSelector": rename(term["labelSelector"])}
