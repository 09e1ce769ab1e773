"""Durations, shares and numbers as people write them. Whatever is not allowed raises `NotAllowedError`."""

import difflib
import enum
import math
import re
from typing import Any, Final, NewType, TypeVar

from canary_adapters.manifests.durations import duration_s
from canary_adapters.manifests.mistakes import shown

__all__ = [
    "Count",
    "Millis",
    "NotAllowedError",
    "Rate",
    "ReadyAfter",
    "Replicas",
    "Seconds",
    "Share",
    "Text",
    "Weight",
    "choice",
    "closest",
    "count",
    "flag",
    "millis",
    "rate",
    "ready_after",
    "replicas",
    "seconds",
    "share",
    "text",
    "weight",
]

Seconds = NewType("Seconds", float)
Millis = NewType("Millis", float)
Share = NewType("Share", float)
ReadyAfter = NewType("ReadyAfter", float)
Rate = NewType("Rate", float)
Count = NewType("Count", int)
Weight = NewType("Weight", int)
Replicas = NewType("Replicas", int)
Text = NewType("Text", str)
_E = TypeVar("_E", bound=enum.Enum)

_PERCENT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
_LONGEST_S: Final = 1000 * 3600.0
_MOST_PODS: Final = 10_000
_HIGHEST_RATE: Final = 1e6


class NotAllowedError(ValueError):
    """A value is not allowed.

    Attributes:
        value: What was given.
        allowed: What would have been accepted, in words.
    """

    def __init__(self, value: Any, allowed: str) -> None:
        self.value = value
        self.allowed = allowed
        super().__init__(f"{shown(value)} is not allowed: must be {allowed}")


def closest(word: str, words: list[str]) -> str:
    """A question that helps who has mistyped a word; empty if none is similar."""
    by_lower = {each.lower(): each for each in words}
    found = difflib.get_close_matches(word.lower()[:80], by_lower, n=1)
    return f"; did you mean {by_lower[found[0]]}?" if found else ""


def _duration_s(value: Any, allowed: str) -> float:
    """A Go duration in seconds. A bare 0 needs no unit, as in Go; no other number is clear without one."""
    if type(value) is int and value == 0:
        return 0.0
    found = duration_s(value) if isinstance(value, str) else None
    if found is None:
        raise NotAllowedError(value, allowed)
    if found > _LONGEST_S:
        raise NotAllowedError(value, "at most 1000h")
    return found


def seconds(value: Any, _: Any = None) -> Seconds:
    """A duration: ``90s``, ``1m30s``, ``2h``."""
    return Seconds(_duration_s(value, "a duration such as 30s, 3m or 1h30m"))


def millis(value: Any, _: Any = None) -> Millis:
    """A short duration, in milliseconds: ``250ms``."""
    return Millis(1000 * _duration_s(value, "a duration such as 250ms or 1.5s"))


def ready_after(value: Any, _: Any = None) -> ReadyAfter:
    """A duration, or ``never``: infinite."""
    if value == "never":
        return ReadyAfter(math.inf)
    return ReadyAfter(_duration_s(value, "a duration such as 20s, or never"))


def share(value: Any, _: Any = None) -> Share:
    """A percentage, as a share: ``5%`` is 0.05."""
    allowed = "a percentage from 0% to 100%, such as 5% or 0.1%"
    if type(value) is int and value == 0:
        return Share(0.0)
    found = _PERCENT.fullmatch(value) if isinstance(value, str) and len(value) <= 40 else None
    if found is None or float(found[1]) > 100:
        raise NotAllowedError(value, allowed)
    return Share(float(found[1]) / 100)


def rate(value: Any, _: Any = None) -> Rate:
    """Requests per second."""
    if type(value) not in {int, float} or not 0 <= value <= _HIGHEST_RATE:
        raise NotAllowedError(value, f"a number of requests per second from 0 to {_HIGHEST_RATE:.0f}")
    return Rate(float(value))


def count(value: Any, _: Any = None) -> Count:
    """A number of pods."""
    if type(value) is not int or not 1 <= value <= _MOST_PODS:
        raise NotAllowedError(value, f"a whole number of pods from 1 to {_MOST_PODS}")
    return Count(value)


def replicas(value: Any, _: Any = None) -> Replicas:
    """A number of pods, or none."""
    if type(value) is not int or not 0 <= value <= _MOST_PODS:
        raise NotAllowedError(value, f"a whole number of pods from 0 to {_MOST_PODS}")
    return Replicas(value)


def weight(value: Any, _: Any = None) -> Weight:
    """Percent of the requests, without a percent sign, as in routes."""
    if type(value) is not int or not 0 <= value <= 100:
        raise NotAllowedError(value, "a whole number from 0 to 100")
    return Weight(value)


def text(value: Any, _: Any = None) -> Text:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise NotAllowedError(value, "a text that is not empty (in quotes, if it looks like a number)")
    return Text(value)


def flag(value: Any, _: Any = None) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise NotAllowedError(value, "true or false")
    return value


def choice(value: Any, kind: type[_E]) -> _E:
    """One of the words of an enumeration."""
    words = [str(member.value) for member in kind]
    if value not in words:
        hint = closest(value, words) if isinstance(value, str) else ""
        raise NotAllowedError(value, "one of " + ", ".join(words) + hint)
    return kind(value)
