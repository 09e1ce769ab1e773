"""Which splits a policy can call for is known beforehand: no rollout of any policy sets one of another kind."""

import pytest

from canary_core import (
    ABTest,
    Ask,
    BlueGreen,
    Mirror,
    Observation,
    Policy,
    Progressive,
    Rollout,
    SessionAffinity,
    SetTraffic,
    Step,
    Traffic,
    foreseen_splits,
    kind_of_split,
    step,
)
from canary_sims.harness import abstracted, explore

AFFINITY = SessionAffinity(cookie_name="c", primary_cookie_name="p")
POLICIES = (
    Policy(strategy=Progressive(weights=(10, 50))),
    Policy(strategy=Progressive(weights=(100,), mirror=Mirror()), promotion_step=30),
    Policy(strategy=Progressive(weights=(20,), matched=True), session_affinity=AFFINITY),
    Policy(strategy=ABTest(iterations=2), promotion_step=50, session_affinity=AFFINITY),
    Policy(strategy=BlueGreen(iterations=1, mirror=Mirror()), session_affinity=AFFINITY),
    Policy(strategy=BlueGreen(iterations=1, shift=False)),
)


class _Watching:
    """The machine, with a note of every split that it sets."""

    def __init__(self) -> None:
        self.kinds: set[Traffic] = set()

    def __call__(self, policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
        found = step(policy, rollout, seen)
        if isinstance(found, Step):
            set_ = (each.traffic for each in found.decisions if isinstance(each, SetTraffic))
            self.kinds |= {kind_of_split(each) for each in set_}
        return found


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy.strategy).__name__)
def test_no_rollout_sets_a_split_of_a_kind_that_was_not_foreseen(policy: Policy) -> None:
    """In every reachable state, but for what hand edits lead to; and none is foreseen for nothing."""
    watching = _Watching()
    explore(policy, interference=0, people=False, machine=watching)
    foreseen = {kind_of_split(each) for each in foreseen_splits(abstracted(policy))}
    assert watching.kinds <= foreseen, watching.kinds - foreseen
    assert foreseen <= watching.kinds, foreseen - watching.kinds
