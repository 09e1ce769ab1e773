"""What kstatus makes of an object of a kind that it does not know: how Fleet, Flux and Helm decide whether to wait.

The rules, as its documentation and its tests have them, the first that applies wins:

1. an object with a deletion timestamp is terminating;
2. one whose ``status.observedGeneration`` is there and differs from ``metadata.generation`` is in progress;
3. of the conditions in their order, the first that is ``Reconciling`` and true means in progress, or ``Stalled`` and
   true means failed;
4. a condition ``Ready`` that is not true means in progress;
5. anything else is current.

https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from __future__ import annotations

import enum
from typing import Any, Final

from attrs import frozen

__all__ = ["Found", "Status", "kstatus"]


class Status(enum.Enum):
    """What the whole object is."""

    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    CURRENT = "Current"
    TERMINATING = "Terminating"


@frozen
class Found:
    """Status, and what people are shown with it."""

    status: Status
    message: str


_ABNORMAL: Final = {"Reconciling": Status.IN_PROGRESS, "Stalled": Status.FAILED}


def kstatus(obj: dict[str, Any]) -> Found:
    """What kstatus makes of an object."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return Found(Status.TERMINATING, "")
    observed = status.get("observedGeneration")
    if observed is not None and observed != metadata["generation"]:
        return Found(Status.IN_PROGRESS, f"generation is {metadata['generation']}, but latest observed is {observed}")
    conditions = status.get("conditions") or []
    for each in conditions:
        if each["type"] in _ABNORMAL and each["status"] == "True":
            return Found(_ABNORMAL[each["type"]], each["message"])
    for each in conditions:
        if each["type"] == "Ready" and each["status"] != "True":
            return Found(Status.IN_PROGRESS, each["message"])
    return Found(Status.CURRENT, "")
