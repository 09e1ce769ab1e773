"""What is in the way, and who can answer: the real machine holds from there on, and planted bugs are found."""

import pytest

from canary_core import Bound, Check, Policy, Progressive
from canary_sims.harness import Exploration, explore
from planted_bugs.obstacles import PLANTED, STARTS, PlantedObstacle

POLICY = Policy(
    strategy=Progressive(weights=(50,)), threshold=2, checks=(Check(id="success", bound=Bound(minimum=99)),)
)
FEWEST = 10


def test_there_are_enough_of_them_about_obstacles() -> None:
    """With a name and a sentence each."""
    assert len(PLANTED) >= FEWEST
    assert len({bug.name for bug in PLANTED}) == len(PLANTED)
    assert all(bug.what.endswith(".") for bug in PLANTED)
    assert {bug.invariant for bug in PLANTED} == {14, 15}


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_bug_about_obstacles_is_found(bug: PlantedObstacle) -> None:
    """By the invariant that it breaks, in a few moves."""
    found: Exploration = explore(POLICY, start=STARTS[bug.start], machine=bug.machine, interference=0)
    assert not found.holds
    first = found.counterexamples[0]
    assert any(f"invariant {bug.invariant}," in message for message in first.broken), str(first)
    assert len(first.path) < 10


@pytest.mark.slow
@pytest.mark.parametrize("start", ["something is in the way", "paused"])
def test_the_invariants_hold_from_there_on(start: str) -> None:
    """Whatever pods and users do, while that lasts: the machine without a bug is none that is found."""
    found = explore(POLICY, start=STARTS[start], interference=0)
    assert found.holds, str(found.counterexamples[0])
    assert found.states > 500
