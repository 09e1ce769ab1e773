"""The label by which the pods of target and primary are told apart."""

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from canary_adapters.kubernetes.resources import Obj
from canary_ports import RefusedError

__all__ = ["DEFAULT_SELECTOR_LABELS", "Selector", "selector_of"]

DEFAULT_SELECTOR_LABELS: Final = ("app", "name", "app.kubernetes.io/name")


@frozen(kw_only=True)
class Selector:
    """The label and its values."""

    label: str
    value: str
    """Of the target's pods."""

    @property
    def primary_value(self) -> str:
        """Of the primary's pods."""
        return f"{self.value}-primary"


def selector_of(deployment: Obj, labels: Sequence[str]) -> Selector:
    """The first of the labels that the selector of a workload has.

    Args:
        deployment: The target.
        labels: In the order of preference.

    Raises:
        RefusedError: It has none of them.
    """
    metadata = deployment["metadata"]
    given = (deployment["spec"].get("selector") or {}).get("matchLabels") or {}
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
