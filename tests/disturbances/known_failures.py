"""What does not hold yet, with the reason. What is listed and holds fails the tests, so the list can only shrink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from disturbances.disturbance import Moment

__all__ = ["KNOWN", "Failures", "reason_of"]

Failures = Mapping[str, Sequence[Moment]]
"""Moments by the name of a disturbance."""

KNOWN: Final[Mapping[str, Failures]] = {}
"""By reason. At present everything holds."""


def reason_of(name: str, moment: Moment) -> str | None:
    """Why a disturbance at a moment is known to fail. None: it is not."""
    found = [reason for reason, failures in KNOWN.items() if moment in failures.get(name, ())]
    return found[0] if found else None
