"""Durations as Go, and so Flagger, reads and writes them."""

import re
from typing import Final

import durationpy

__all__ = ["MINIMUM_INTERVAL_S", "duration_s", "interval_s", "spoken"]

MINIMUM_INTERVAL_S: Final = 10.0
"""Shorter intervals become this one, as with Flagger."""

# durationpy also takes days to years, and overlooks what stands between two parts; Go takes neither.
_GO: Final = re.compile(r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"\+?0|({_GO.pattern})+", re.ASCII)
_LONGEST_S: Final = (2**63 - 1) / 1e9


def duration_s(text: str) -> float | None:
    """Seconds of a Go duration (``1m30s``) that is not negative. None: it is none, or longer than Go can hold."""
    if len(text) > 100 or _WHOLE.fullmatch(text) is None:
        return None
    try:
        seconds = float(durationpy.from_str(text).total_seconds())
    except (durationpy.DurationError, OverflowError, ValueError):
        return None
    return seconds if seconds <= _LONGEST_S else None


def interval_s(text: str, minimum_s: float = MINIMUM_INTERVAL_S) -> float:
    """Seconds between two analyses.

    Args:
        text: ``spec.analysis.interval``, already checked.
        minimum_s: Shorter intervals become this one.
    """
    return max(duration_s(text) or 0.0, minimum_s)


_UNITS: Final = (("hour", 3600.0), ("minute", 60.0), ("second", 1.0))


def spoken(seconds: float) -> str:
    """A duration in words: ``6 minutes``, ``1 minute 30 seconds``, ``0.5 seconds``."""
    if seconds < 1:
        return f"{seconds:g} seconds"
    parts, rest = [], round(seconds, 3)
    for unit, size in _UNITS:
        count = rest if unit == "second" else rest // size
        rest -= count * size
        if count:
            parts.append(f"{count:g} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts)
