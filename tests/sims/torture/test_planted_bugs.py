"""A campaign that finds nothing planted proves nothing: each planted bug is found, each time, and soon."""

import pytest

from canary_sims.harness.faults.hunting import hunted
from planted_bugs.every_bug import PLANTED, Planted
from stories.policies import HUNTED


def test_there_are_enough_of_them() -> None:
    """With a name and a sentence each."""
    assert len(PLANTED) >= 25
    assert len({bug.name for bug in PLANTED}) == len(PLANTED)
    assert all(bug.what.endswith(".") for bug in PLANTED)


@pytest.mark.slow
def test_without_a_bug_nothing_is_found() -> None:
    """By the very hunt that finds the bugs, as far as it goes without single faults."""
    found = hunted(HUNTED[:2])
    assert found.found is None, found.found
    assert found.plans > 500


@pytest.mark.slow
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_found(bug: Planted) -> None:
    with bug.active() as driver:
        found = hunted(HUNTED, driver)
    assert found.found is not None
    assert found.found.broken
    assert found.plans < 20_000
