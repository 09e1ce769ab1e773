"""What a check says about the canary, and how the verdicts of several checks combine."""

import enum
import math
from collections.abc import Iterable
from typing import assert_never

from canary_core.policy import Check
from canary_core.samples import Measurement, NoData, Sample, SourceError

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
    match measurement:
        case SourceError():
            return Verdict.ERROR
        case NoData():
            return Verdict.NO_DATA
        case Sample(value=value, count=count):
            enough = check.min_samples is None or (count is not None and count >= check.min_samples)
            if math.isnan(value) or not enough:
                return Verdict.NO_DATA
            bound = check.bound
            low = bound.minimum is not None and value < bound.minimum
            high = bound.maximum is not None and value > bound.maximum
            return Verdict.FAIL if low or high else Verdict.PASS
        case _:
            assert_never(measurement)
