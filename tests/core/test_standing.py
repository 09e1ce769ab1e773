"""What tools that wait are to make of a rollout: every phase, everything that holds it, and laws over all rollouts."""

from __future__ import annotations

from typing import Any, Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from canary_core import KnownGood, Obstacle, Phase, Rollout, Source, Standing, Traffic, Wait, Waiting, standing
from canary_core.notices import Promoted
from canary_sims.harness.strategies import rollouts

OBSTACLES: Final = st.builds(
    Obstacle, reason=st.just("Odd"), message=st.just("odd"), source=st.sampled_from(Source), transient=st.booleans()
)
UNDER_WAY: Final = (Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION, Phase.PROMOTING, Phase.FINALISING)
ENDING: Final = (Phase.TERMINATING, Phase.TERMINATED)
WELL: Final = (Phase.INITIALIZED, Phase.SUCCEEDED)
BY_PHASE: Final = {
    Phase.INITIALIZING: Standing.RECONCILING,
    Phase.FAILED: Standing.STALLED,
    **dict.fromkeys(WELL, Standing.READY),
    **dict.fromkeys((*UNDER_WAY, *ENDING), Standing.RECONCILING),
}

any_rollouts = st.builds(
    evolve, rollouts(), obstacle=st.none() | OBSTACLES, paused=st.booleans(), reverted=st.booleans()
)


def _at(phase: Phase, **more: Any) -> Rollout:
    return Rollout(phase=phase, known_good=KnownGood.PRIMARY, **more)


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_its_own(phase: Phase) -> None:
    assert standing(_at(phase)) is BY_PHASE[phase]
    assert standing(_at(phase), ready_while_progressing=True) is (
        Standing.READY if phase in UNDER_WAY else BY_PHASE[phase]
    )


@pytest.mark.parametrize("phase", WELL)
@pytest.mark.parametrize(
    "more",
    [
        {"paused": True},
        {"pending": (Promoted(),)},
        {"waiting": Waiting(on=Wait.PRIMARY, since_s=0.0)},
        {"traffic": Traffic(canary_weight=100)},
        {"known_good": KnownGood.NONE},
        {"obstacle": Obstacle(reason="Unanswered", message="nobody answered", transient=True)},
    ],
    ids="".join,
)
def test_what_has_ended_is_not_ready_while_it_waits_for_anything(phase: Phase, more: dict[str, Any]) -> None:
    assert standing(Rollout(phase=phase, **{"known_good": KnownGood.PRIMARY, **more})) is Standing.RECONCILING


def test_a_suspended_canary_is_as_declared_once_it_is_settled() -> None:
    assert standing(_at(Phase.SUCCEEDED, suspended=True)) is Standing.READY
    assert standing(_at(Phase.PROGRESSING, suspended=True)) is Standing.RECONCILING


@given(any_rollouts, st.booleans(), st.booleans())
def test_refused_and_failed_is_stuck_and_nothing_else_is(rollout: Rollout, refused: bool, eager: bool) -> None:
    obstacle = rollout.obstacle
    is_refused = refused or (obstacle is not None and not obstacle.transient)
    has_failed = rollout.phase is Phase.FAILED and not rollout.reverted
    is_stuck = (is_refused or has_failed) and rollout.phase not in ENDING
    found = standing(rollout, refused=refused, ready_while_progressing=eager)
    assert (found is Standing.STALLED) == is_stuck


@given(any_rollouts, st.booleans())
def test_ready_means_that_the_primary_serves_and_nothing_is_left_to_do(rollout: Rollout, refused: bool) -> None:
    if standing(rollout, refused=refused) is Standing.READY:
        assert rollout.phase in WELL or (rollout.phase is Phase.FAILED and rollout.reverted)
        assert rollout.settled
        assert not rollout.paused
        assert rollout.waiting is None
        assert rollout.obstacle is None
        assert not rollout.traffic.reaches_canary


@given(any_rollouts, st.booleans())
def test_who_does_not_wait_for_rollouts_still_learns_of_failures(rollout: Rollout, refused: bool) -> None:
    patient = standing(rollout, refused=refused)
    eager = standing(rollout, refused=refused, ready_while_progressing=True)
    if eager is not patient:
        assert (patient, eager) == (Standing.RECONCILING, Standing.READY)
        assert rollout.phase in (*UNDER_WAY, *WELL) or rollout.reverted


def test_a_failure_that_was_taken_back_is_settled() -> None:
    assert standing(_at(Phase.FAILED, reverted=True)) is Standing.READY
    assert standing(_at(Phase.FAILED, reverted=True, paused=True)) is Standing.RECONCILING
    assert standing(_at(Phase.FAILED, reverted=True, traffic=Traffic(canary_weight=100))) is Standing.RECONCILING
    assert standing(_at(Phase.FAILED, reverted=True), refused=True) is Standing.STALLED
