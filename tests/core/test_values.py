"""Laws of the parts: verdicts, weights, readiness."""

import math
from collections.abc import Sequence
from itertools import pairwise

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from canary_core import (
    Check,
    Measurement,
    NoData,
    Sample,
    SourceError,
    Verdict,
    Workload,
    combine,
    judge,
    readiness,
    weights_by_step,
)
from canary_sims.harness.strategies import checks, measurements, workloads

VERDICTS = st.lists(st.sampled_from(Verdict), max_size=8)
PERCENT = st.integers(1, 100)
NUMBERS = st.floats(allow_nan=False, allow_infinity=True)


@given(VERDICTS, st.data())
def test_the_order_of_verdicts_does_not_matter(verdicts: list[Verdict], data: st.DataObject) -> None:
    """A total order has one worst."""
    assert combine(data.draw(st.permutations(verdicts))) == combine(verdicts)


@given(VERDICTS, VERDICTS)
def test_the_grouping_of_verdicts_does_not_matter(one: list[Verdict], other: list[Verdict]) -> None:
    """Verdicts of verdicts are the verdict of all. Exploration relies on it: one check stands for several."""
    assert combine([combine(one), combine(other)]) == combine([*one, *other])


@given(VERDICTS)
def test_a_bad_verdict_is_never_outvoted(verdicts: Sequence[Verdict]) -> None:
    """It passes exactly if all do."""
    assert (combine(verdicts) is Verdict.PASS) == all(verdict is Verdict.PASS for verdict in verdicts)


@given(checks(), measurements())
def test_only_a_value_can_pass_or_fail(check: Check, measurement: Measurement) -> None:
    """No data and no answer are verdicts of their own."""
    verdict = judge(check, measurement)
    if isinstance(measurement, SourceError):
        assert verdict is Verdict.ERROR
    elif isinstance(measurement, NoData) or math.isnan(measurement.value):
        assert verdict is Verdict.NO_DATA
    else:
        assert verdict is not Verdict.ERROR


@given(checks(), NUMBERS)
def test_a_value_passes_exactly_within_the_bounds(check: Check, value: float) -> None:
    """Both bounds belong to the allowed range."""
    low = -math.inf if check.bound.minimum is None else check.bound.minimum
    high = math.inf if check.bound.maximum is None else check.bound.maximum
    verdict = judge(evolve(check, min_samples=None), Sample(value=value))
    assert (verdict is Verdict.PASS) == (low <= value <= high)
    assert (verdict is Verdict.FAIL) == (not low <= value <= high)


@given(checks(), NUMBERS, st.none() | st.integers(0, 200))
def test_too_few_samples_are_no_data(check: Check, value: float, count: int | None) -> None:
    """However bad the value is; a number that is not known is too small."""
    few = check.min_samples is not None and (count is None or count < check.min_samples)
    assert (judge(check, Sample(value=value, count=count)) is Verdict.NO_DATA) == few


@given(PERCENT, PERCENT)
def test_a_ladder_rises_in_even_steps_to_its_maximum(step: int, maximum: int) -> None:
    """Strictly rising, never beyond 100, the maximum reached by the last step and not before."""
    weights = weights_by_step(step, maximum)
    assert weights[0] == step
    assert all(later - earlier == step for earlier, later in pairwise(weights[:-1]))
    assert all(earlier < later for earlier, later in pairwise(weights))
    assert all(weight < maximum for weight in weights[:-1])
    assert maximum <= weights[-1] <= min(100, maximum + step - 1)


@given(workloads(), st.integers(0, 100), st.floats(0, 1e4))
def test_who_is_ready_can_serve(workload: Workload, percent: int, now_s: float) -> None:
    """Whatever the threshold: no pod, no readiness."""
    found = readiness(workload, percent=percent, deadline_s=60.0, now_s=now_s)
    assert not found.ready or workload.can_serve


@given(workloads(), st.integers(0, 100), st.integers(0, 100))
def test_asking_for_less_never_makes_it_unready(workload: Workload, one: int, other: int) -> None:
    """Readiness is monotonous in the threshold."""
    low, high = sorted((one, other))
    strict = readiness(workload, percent=high, deadline_s=60.0, now_s=0.0)
    lax = readiness(workload, percent=low, deadline_s=60.0, now_s=0.0)
    assert lax.ready or not strict.ready


@given(workloads(), st.integers(0, 100), st.floats(0, 1e4), st.floats(0, 1e4))
def test_time_does_not_make_a_workload_ready(workload: Workload, percent: int, now_s: float, more_s: float) -> None:
    """It only ends the patience."""
    first = readiness(workload, percent=percent, deadline_s=60.0, now_s=now_s)
    later = readiness(workload, percent=percent, deadline_s=60.0, now_s=now_s + more_s)
    assert evolve(first, retriable=True) == evolve(later, retriable=True)
    assert first.retriable or not later.retriable


def test_what_is_not_there_is_not_ready_and_may_come() -> None:
    """Absence is no reason to give up."""
    found = readiness(None, percent=100, deadline_s=60.0, now_s=0.0)
    assert not found.ready
    assert found.retriable
