"""The label by which the pods of target and primary are told apart."""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from canary_adapters.kubernetes.resources import Obj
from canary_ports import RefusedError

__all__ = [
    "DEFAULT_SELECTOR_LABELS",
    "SUFFIX",
    "Selector",
    "carried_labels",
    "in_place",
    "selected_labels",
    "selector_of",
]

DEFAULT_SELECTOR_LABELS: Final = ("app", "name", "app.kubernetes.io/name")
SUFFIX: Final = "-primary"
"""What the value of the label has behind it on the primary's pods."""


@frozen(kw_only=True)
class Selector:
    """The label and its values."""

    label: str
    value: str
    """Of the target's pods."""

    @property
    def primary_value(self) -> str:
        """Of the primary's pods."""
        return f"{self.value}{SUFFIX}"


def selector_of(deployment: Obj, labels: Sequence[str]) -> Selector:
    """The first of the labels that the selector of a workload has.

    Args:
        deployment: The target.
        labels: In the order of preference.

    Raises:
        RefusedError: It has none of them.
    """
    metadata = deployment["metadata"]
    given = selected_labels(deployment)
    for label in labels:
        if label in given:
            return Selector(label=label, value=given[label])
    wanted = ", ".join(labels)
    raise RefusedError(
        "SelectorLabelMissing",
        f"deployment {metadata['name']}.{metadata['namespace']} spec.selector.matchLabels must contain one of "
        f"[{wanted}]; add one of them (selectors cannot be changed, so make the Deployment anew) or start the "
        "controller with -selector-labels",
    )


def in_place(primary: Obj, target: Obj) -> Selector | None:
    """The label by which an existing primary goes on being told apart from a target, whatever the preferred labels are.

    A Deployment's selector cannot be changed. The primary can be promoted to the target all the same where the pods
    that the target declares, with one label of the target's selector renamed for the primary, are pods that the
    primary selects: so it is with every primary that was made from this target, by us or by Flagger.

    Returns:
        None: The primary has to be deleted and made anew before it can run what the target declares.
    """
    own, carried = selected_labels(primary), carried_labels(target)
    renamed = [key for key, value in own.items() if carried.get(key) != value]
    if len(renamed) != 1:
        return None
    label = renamed[0]
    value = selected_labels(target).get(label)
    found = Selector(label=label, value=value) if value is not None else None
    return found if found is not None and own[label] == found.primary_value else None


def selected_labels(deployment: Obj) -> Mapping[str, str]:
    """The labels that all pods of a Deployment carry, of whatever revision: ``spec.selector.matchLabels``."""
    found: Mapping[str, str] = (deployment["spec"].get("selector") or {}).get("matchLabels") or {}
    return found


def carried_labels(deployment: Obj) -> Mapping[str, str]:
    """The labels that the pods of its present revision carry."""
    found: Mapping[str, str] = (deployment["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return found
