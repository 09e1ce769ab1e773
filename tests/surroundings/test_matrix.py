"""Whatever surrounds a rollout is disturbed, at each moment of one: users are served, and people are obeyed.

Cells that are known to fail must fail: one that holds has to leave the list of known failures.
"""

from __future__ import annotations

import os
from typing import Any, Final

import pytest

from disturbances.campaign import Campaign
from disturbances.catalogue import CELLS, DISTURBANCES
from disturbances.disturbance import Moment
from disturbances.known_failures import KNOWN, reason_of
from disturbances.play import Cell
from disturbances.table import ALLOWED, total
from laboratories.lab import REAL

FEWEST: Final = 40
SHARE: Final = 37
"""Every so many cells are played, all moments among them, if not all are asked for: then it takes a minute or less."""
WHOLE: Final = bool(REAL) or os.environ.get("CANARY_SURROUNDINGS") == "all"


def _cells() -> list[Any]:
    found = []
    for disturbance, moment in CELLS if WHOLE else CELLS[::SHARE]:
        reason = reason_of(disturbance.name, moment)
        known = [pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)] if reason is not None else []
        found.append(pytest.param((disturbance, moment), id=f"{disturbance.name} - {moment.value}", marks=known))
    return found


def _plays(test: Any) -> Any:
    """Whoever is first waits for all of it; seconds are measured, so nothing else may need the machine."""
    for mark in (pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(3600)):
        test = mark(test)
    return test


@_plays
@pytest.mark.parametrize("cell", _cells())
def test_a_disturbance_strands_nobody(played: Campaign, cell: Cell) -> None:
    """Everybody is served in the end, a bad version is out, `abort` is obeyed, the next good version is promoted."""
    if REAL and cell[0].is_inside:
        pytest.skip("happens inside of the embedded API server")
    record = played.records[cell]
    assert record.failed == (), "; ".join(record.story)


@_plays
def test_no_more_is_lost_than_nobody_could_prevent(played: Campaign) -> None:
    """A Pod has to start somewhere; everything else is too much. A share of it may not lose what the whole may not."""
    if REAL:
        pytest.skip("of the times of the embedded cluster")
    assert total(played.records) <= ALLOWED


@_plays
def test_the_controller_went_through_all_of_it_without_a_mistake_of_its_own(played: Campaign) -> None:
    assert "a mistake of the controller" not in played.log
    assert played.code == 0


def test_a_share_has_all_moments() -> None:
    """Also when it is not asked for, so that it is known to be one."""
    assert {moment for _, moment in CELLS[::SHARE]} == set(Moment)


def test_there_are_enough_disturbances() -> None:
    assert len(DISTURBANCES) >= FEWEST
    assert len({each.name for each in DISTURBANCES}) == len(DISTURBANCES)


def test_known_failures_are_of_disturbances_that_there_are() -> None:
    """And each has one reason."""
    listed = [(name, moment) for failures in KNOWN.values() for name, moments in failures.items() for moment in moments]
    assert set(listed) <= {(disturbance.name, moment) for disturbance, moment in CELLS}
    assert len(set(listed)) == len(listed)
    assert all(isinstance(moment, Moment) for _, moment in listed)
