"""No spin: whatever goes wrong with a canary, it is left alone longer and longer, until somebody declares something."""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from canary_adapters.controller.pacing import (
    FIRST_REFUSED_S,
    LONGEST_EAGER_S,
    MOST_REFUSED_S,
    Pace,
    Patience,
    patience_with_refusals,
)

HANDFUL = 8
few = settings(max_examples=30, deadline=None)
intervals = st.floats(0.0, 7200.0, allow_nan=False)
patiences = st.builds(
    Patience,
    first_s=st.floats(0.05, 100.0),
    longest_s=st.floats(100.0, 4000.0),
    for_declarations=st.booleans(),
)


def _tries(patience: Patience, views: list[float], until_s: float, *, look_s: float) -> list[float]:
    """When work that always fails is tried, if a canary is looked at that often, and looks another way at these times.

    Each look is one that something woke: an own write, a status that changes, anything.
    """
    pace, now_s, tries = Pace(), 0.0, list[float]()
    while now_s < until_s:
        view = bisect_right(views, now_s)
        if pace.wait_s(view, now_s) <= 0:
            tries.append(now_s)
            pace = pace.failed(view, view, patience, now_s)
        now_s += look_s
    return tries


@few
@given(patience=patiences, look_s=st.floats(1.0, 5.0))
def test_while_nobody_changes_anything_the_pauses_grow(patience: Patience, look_s: float) -> None:
    tries = _tries(patience, [], 3000.0, look_s=look_s)
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert all(later >= earlier - look_s for earlier, later in pairwise(gaps))
    assert all(gap >= patience.first_s for gap in gaps)
    assert all(gap <= patience.longest_s + look_s + 1e-6 for gap in gaps), "it is never given up"
    assert len(tries) <= 3000.0 / patience.longest_s + 25


@few
@given(interval_s=intervals)
def test_a_refusal_is_tried_at_most_once_in_the_five_intervals_after_it(interval_s: float) -> None:
    patience = patience_with_refusals(interval_s)
    tries = _tries(patience, [], 8000.0, look_s=5.0)
    assert patience.for_declarations
    assert tries[1] - tries[0] >= min(max(FIRST_REFUSED_S, 5 * interval_s), MOST_REFUSED_S)
    for start in tries:
        within = [one for one in tries if start <= one < start + 10 * min(interval_s, 360.0)]
        assert len(within) <= 2, "the one that failed, and one more"


@few
@given(interval_s=intervals, deadline_s=st.floats(0.1, 3600.0))
def test_a_refusal_is_tried_again_within_the_deadline_or_five_intervals(interval_s: float, deadline_s: float) -> None:
    """Within the deadline a bad canary is to be out of traffic; but five intervals are left in any case."""
    found = patience_with_refusals(interval_s, deadline_s)
    assert found.first_s <= max(deadline_s, 5 * interval_s)
    assert found.first_s >= min(5 * interval_s, MOST_REFUSED_S)
    assert found.first_s <= patience_with_refusals(interval_s).first_s


@few
@given(at_s=st.floats(0.0, 1000.0), interval_s=intervals)
def test_a_change_of_somebody_else_is_answered_at_once(at_s: float, interval_s: float) -> None:
    tries = _tries(patience_with_refusals(interval_s), [at_s], at_s + 30.0, look_s=0.5)
    assert any(at_s <= one <= at_s + LONGEST_EAGER_S + 0.5 for one in tries)


@few
@given(patience=patiences, seed=st.integers(0, 2**32))
def test_somebody_who_changes_things_all_the_time_is_not_followed_all_the_time(patience: Patience, seed: int) -> None:
    chance = random.Random(seed)
    views = sorted(chance.uniform(0.0, 300.0) for _ in range(1000))
    tries = _tries(patience, views, 300.0, look_s=0.25)
    for start in tries[10:]:
        assert sum(start <= one < start + 60.0 for one in tries) <= HANDFUL


def test_the_first_change_after_a_failure_waits_for_nothing_and_further_ones_a_little() -> None:
    patience, pace = patience_with_refusals(60.0), Pace()
    for failures, least_s in enumerate((0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0), start=1):
        pace = pace.failed(failures, failures, patience, 100.0)
        assert (pace.failures, pace.repeats) == (failures, 1)
        assert pace.wait_s(failures + 1, 100.0) == least_s
        assert pace.wait_s(failures, 100.0) == 300.0


def test_own_writes_are_no_news() -> None:
    """The view that a failure leaves behind is what counts, not the one that it met."""
    pace = Pace().failed(1, 2, patience_with_refusals(10.0), 0.0)
    assert pace.wait_s(2, 1.0) == 59.0
    assert pace.wait_s(1, 1.0) <= 0.0
    again = pace.failed(2, 3, patience_with_refusals(10.0), 60.0)
    assert (again.repeats, again.wait_s(3, 60.0)) == (2, 120.0)


def test_work_that_goes_well_is_done_when_it_is_due_or_when_there_is_news() -> None:
    pace = Pace(view=1, due_s=50.0)
    assert pace.wait_s(1, 20.0) == 30.0
    assert pace.wait_s(2, 20.0) <= 0.0
    assert pace.wait_s(1, 50.0) == 0.0
    assert Pace().wait_s(7, 20.0) == 0.0, "nothing is known of it"
