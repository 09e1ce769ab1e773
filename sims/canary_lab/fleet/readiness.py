"""Whether what was delivered is ready, as Fleet's agent judges it by the conditions of an object."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import frozen

__all__ = ["BundleState", "judged"]

_TRANSITIONING: Final = "transitioning"
_ERROR: Final = "error"
_KNOWN: Final[Mapping[tuple[str, str], str]] = {
    ("Ready", "False"): _TRANSITIONING,
    ("Ready", "Unknown"): _ERROR,
    ("Reconciling", "True"): _TRANSITIONING,
    ("Stalled", "True"): _ERROR,
    ("Failed", "True"): _ERROR,
}
"""What known conditions mean."""


@frozen(kw_only=True)
class BundleState:
    """What is shown of a bundle in a cluster."""

    is_ready: bool
    is_error: bool = False
    message: str = ""


def judged(obj: Mapping[str, Any] | None) -> BundleState:
    """What Fleet makes of an object that it has delivered. None: it is not there."""
    if obj is None:
        return BundleState(is_ready=False, message="missing")
    status = obj.get("status") or {}
    generation, observed = obj["metadata"].get("generation"), status.get("observedGeneration")
    if observed is not None and observed != generation:
        kind = obj.get("kind", "")
        told = f"{kind} generation is {generation}, but latest observed generation is {observed}"
        return BundleState(is_ready=False, message=told)
    found = [(each, meaning) for each in status.get("conditions") or () if (meaning := _meaning(each)) is not None]
    errors = _messages(found, _ERROR)
    if errors:
        return BundleState(is_ready=False, is_error=True, message=errors[0])
    waiting = _messages(found, _TRANSITIONING)
    return BundleState(is_ready=not waiting, message=waiting[0] if waiting else "")


def _meaning(condition: Mapping[str, Any]) -> str | None:
    if condition.get("status") == "False" and condition.get("reason") == "Error":
        return _ERROR
    return _KNOWN.get((str(condition.get("type")), str(condition.get("status"))))


def _messages(found: Iterable[tuple[Mapping[str, Any], str]], meaning: str) -> list[str]:
    return [str(each.get("message", "")) for each, means in found if means == meaning]
