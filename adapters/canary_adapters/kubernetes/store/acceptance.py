"""When what a Canary declares is gone by: not before it is known whether it can be put in force."""

from typing import Final, Protocol

from canary_adapters.kubernetes.rehearsal import REASON
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.store.reader import Loaded
from canary_core import Obstacle
from canary_ports import PortError

__all__ = ["DECLARED", "UNREHEARSED", "Rehearse", "is_gone_by", "nobody", "unanswered"]

DECLARED: Final = "declared"
"""Key in ``status.rollout``: the spec that is gone by, for as long as it must not be lost."""
UNREHEARSED: Final = "Unrehearsed"
"""The API server does not say whether what is declared can be put in force."""


class Rehearse(Protocol):
    """See whether what a Canary declares can be put in force."""

    def __call__(self, obj: Obj, loaded: Loaded, *, is_gone_by: bool) -> None:
        """Look at once or, at what is gone by already, at the latest when something begins.

        Raises:
            RefusedError: It cannot.
            UnavailableError: Nobody knows.
        """
        ...


def nobody(obj: Obj, loaded: Loaded, *, is_gone_by: bool) -> None:
    """Nobody looks."""


def is_gone_by(obj: Obj) -> bool:
    """Whether the status, as it was meant, says that what is declared is gone by, and nothing was found against it."""
    status = obj["status"]
    record = status.get("rollout")
    if not isinstance(record, dict) or status.get("observedGeneration") != obj["metadata"].get("generation"):
        return False
    reasons = {each.get("reason") for each in status.get("conditions") or () if isinstance(each, dict)}
    return record.get(DECLARED, obj.get("spec")) == obj.get("spec") and not reasons & {REASON, UNREHEARSED}


def unanswered(error: PortError) -> Obstacle:
    """What the machine is to see of a rehearsal that nobody answered."""
    return Obstacle(reason=UNREHEARSED, message=f"its splits could not be rehearsed yet: {error}", transient=True)
