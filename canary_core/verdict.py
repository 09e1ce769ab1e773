"""What a check says about the canary, and how the verdicts of several checks combine."""

import enum
import math
from collections.abc import Iterable

from canary_core.policy import Check
from canary_core.samples import Measurement, NoData, SourceError

__all__ = ["Verdict", "combine", "judge"]


class Verdict(enum.IntEnum):
    """What a check says. The order is by badness: a known fault is worse than not knowing."""

    PASS = 0
    NO_DATA = 1
    ERROR = 2
    FAIL = 3


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of the verdicts; of none, `Verdict.PASS`.

    A maximum over a total order: it depends neither on the order of the checks nor on how they are grouped.
    """
    return max(verdicts, default=Verdict.PASS)


def judge(check: Check, measurement: Measurement) -> Verdict:
    """Hold a measurement against the bounds of a check.

    Both bounds belong to the allowed range. An infinite value is judged like any other, NaN is no data. Where a minimum
    of samples is asked for, a number of samples that is not known does not reach it.
    """
    if isinstance(measurement, SourceError):
        return Verdict.ERROR
    if isinstance(measurement, NoData):
        return Verdict.NO_DATA
    value, count, least = measurement.value, measurement.count, check.min_samples
    if math.isnan(value) or (least is not None and (count is None or count < least)):
        return Verdict.NO_DATA
    low, high = check.bound.minimum, check.bound.maximum
    outside = (low is not None and value < low) or (high is not None and value > high)
    return Verdict.FAIL if outside else Verdict.PASS
