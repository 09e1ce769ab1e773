"""The record of what happened (`canary_core.record`), as the page draws it: finite numbers and plain texts."""

import math
from typing import Final

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.plain_text import one_line
from canary_adapters.steering.history import bound_of, outcome_of, value_of, verdict_of, why_of
from canary_adapters.steering.view import remembered
from canary_core.record import Entry, Finding, Round

__all__ = ["recorded"]

ROUNDS: Final = 500
CHECKS: Final = 32
"""Of a round."""
PAST: Final = 20
_LONGEST: Final = 253


def recorded(status: object) -> Obj | None:
    """What a status remembers. None: nothing, or nothing that can be read.

    Returns:
        ``now``, the rollout under way or over last, with its ``rounds``, oldest first; and ``past``, those before it,
        newest first. Times are seconds since the epoch, weights percent.
    """
    record = remembered(status)
    if record.now is None:
        return None
    rounds = record.rounds[-ROUNDS:]
    return {
        "now": {
            **_entry(record.now),
            "rounds": [_round(each) for each in rounds],
            "left_off": _finite(record.left_off + len(record.rounds) - len(rounds)),
        },
        "past": [_entry(each) for each in reversed(record.past[-PAST:])],
    }


def _entry(entry: Entry) -> Obj:
    return {
        "revision": one_line(entry.revision or "", _LONGEST),
        "title": one_line(entry.title, _LONGEST),
        "began_s": _finite(entry.began_s),
        "ended_s": _finite(entry.ended_s),
        "weight": _finite(entry.weight),
        "outcome": outcome_of(entry),
        "why": why_of(entry),
    }


def _round(found: Round) -> Obj:
    return {
        "at_s": _finite(found.at_s),
        "weight": _percent(found.before.weight),
        "then": _percent(found.then.weight),
        "checks": [_check(each) for each in found.findings[:CHECKS]],
    }


def _check(found: Finding) -> Obj:
    return {
        "name": one_line(found.check, _LONGEST),
        "value": _finite(found.value),
        "min": _finite(found.bound.minimum),
        "max": _finite(found.bound.maximum),
        "verdict": verdict_of(found.verdict),
        "text": value_of(found),
        "wanted": bound_of(found),
    }


def _finite(value: float | None) -> float | None:
    """None: there is none that JSON can say, and a browser can read exactly."""
    return value if value is not None and math.isfinite(value) and abs(value) < 2**53 else None


def _percent(weight: int) -> int:
    return max(0, min(100, weight))
