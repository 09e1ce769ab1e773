"""What does not hold yet, with the reason. What is listed and holds fails the tests, so the list can only shrink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from disturbances.disturbance import Moment

__all__ = ["KNOWN", "Failures", "reason_of"]

Failures = Mapping[str, Sequence[Moment]]
"""Moments by the name of a disturbance."""

KNOWN: Final[Mapping[str, Failures]] = {
    "What a primary runs is known by an annotation, so that nobody sees a template that was edited by hand; and "
    "nothing begins before all its Pods are ready, which those of an image that cannot be pulled never are. Its Pods "
    "of before serve all users meanwhile.": {"primary's template edited by hand": tuple(Moment)},
}
"""By reason."""


def reason_of(name: str, moment: Moment) -> str | None:
    """Why a disturbance at a moment is known to fail. None: it is not."""
    found = [reason for reason, failures in KNOWN.items() if moment in failures.get(name, ())]
    return found[0] if found else None
