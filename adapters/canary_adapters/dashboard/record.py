"""The record of a rollout that stands in a status, as the page draws it: rounds of checks, and how past rollouts ended.

It is data of an object: whoever may write a status may put anything there. So each part is looked at, what is of
another type is left out, and there is no more of anything than a page can draw.
"""

import math
from typing import Any, Final

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.plain_text import one_line
from canary_adapters.steering.view import moment_s

__all__ = ["recorded_rounds"]

_ROUNDS: Final = 500
_CHECKS: Final = 32
"""In a round."""
_PAST: Final = 10
_LONGEST_NAME: Final = 253
_LONGEST: Final = 512
_VERDICTS: Final = frozenset({"pass", "fail", "no data", "error"})


def recorded_rounds(status: object) -> Obj | None:
    """What ``status.record`` holds. None: nothing.

    Returns:
        ``now``, the rollout under way or over last, with its ``rounds``, or null; and ``past``, how those before it
        ended, newest last. Times are seconds since the epoch, weights percent.
    """
    record = _mapping(_mapping(status).get("record"))
    now, past = _now(record.get("now")), [_ended(each) for each in _items(record.get("past"), _PAST)]
    return {"now": now, "past": past} if now is not None or past else None


def _now(given: object) -> Obj | None:
    if not isinstance(given, dict):
        return None
    return {
        "revision": _text(given.get("revision"), _LONGEST_NAME),
        "began_s": moment_s(given.get("began")),
        "rounds": [found for each in _items(given.get("rounds"), _ROUNDS) if (found := _round(each)) is not None],
    }


def _round(given: Obj) -> Obj | None:
    at_s = moment_s(given.get("at"))
    if at_s is None:
        return None
    return {
        "at_s": at_s,
        "weight": _percent(given.get("weight")),
        "iteration": _number(given.get("iteration")),
        "checks": [_check(each) for each in _items(given.get("checks"), _CHECKS)],
    }


def _check(given: Obj) -> Obj:
    verdict = given.get("verdict")
    return {
        "name": _text(given.get("name"), _LONGEST_NAME),
        "value": _number(given.get("value")),
        "min": _number(given.get("min")),
        "max": _number(given.get("max")),
        "verdict": verdict if isinstance(verdict, str) and verdict in _VERDICTS else "",
    }


def _ended(given: Obj) -> Obj:
    return {
        "revision": _text(given.get("revision"), _LONGEST_NAME),
        "began_s": moment_s(given.get("began")),
        "ended_s": moment_s(given.get("ended")),
        "outcome": _text(given.get("outcome"), _LONGEST_NAME),
        "weight": _percent(given.get("weight")),
        "failed": _number(given.get("failed")),
        "message": _text(given.get("message"), _LONGEST),
    }


def _items(given: object, most: int) -> list[Obj]:
    """The last objects of a list."""
    return [each for each in given[-most:] if isinstance(each, dict)] if isinstance(given, list) else []


def _mapping(given: object) -> dict[str, Any]:
    return given if isinstance(given, dict) else {}


def _text(given: object, longest: int) -> str:
    return one_line(given, longest) if isinstance(given, str) else ""


def _number(given: object) -> float | None:
    """None: it is none that JSON can say."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return given if abs(given) < 2**53 and math.isfinite(given) else None


def _percent(given: object) -> float | None:
    found = _number(given)
    return None if found is None else max(0, min(100, found))
