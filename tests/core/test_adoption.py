"""Taking over what Flagger began, in each phase: adopted where it stands, never rolled out only for the exchange."""

import pytest

from canary_core import (
    ABTest,
    BlueGreen,
    Counts,
    KnownGood,
    Outcome,
    Phase,
    Policy,
    Progressive,
    Rollout,
    Strategy,
    Traffic,
    Wait,
    Waiting,
)
from canary_core.adoption import is_foreign
from canary_sims.world import Deployment
from stories.trajectories import V1, V2, Play, a_policy

FLAGGER = "6d8f5c7b9"
STEPS = Progressive(weights=(10, 20, 30))


def _as_flagger_left_it(policy: Policy, stored: Rollout, *, canary_up: bool, routes: Traffic) -> Play:
    """The target runs V2; the primary was made by Flagger, so nobody knows from what."""
    play = Play(policy, version=V2, now_s=10_000.0)
    world = play.world
    world.primary = Deployment(version=V1, replicas=2, changed_s=0.0, source=None)
    if not canary_up:
        play.target.scale(0, 0.0)
    world.traffic, world.rollout = routes, stored
    return play


def _stored(phase: Phase, **options: object) -> Rollout:
    defaults: dict[str, object] = {"applied": FLAGGER, "promoted": FLAGGER}
    return Rollout(phase=phase, **{**defaults, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("phase", [Phase.INITIALIZED, Phase.SUCCEEDED])
def test_a_settled_canary_stays_settled(phase: Phase) -> None:
    play = _as_flagger_left_it(a_policy(STEPS), _stored(phase), canary_up=False, routes=Traffic())
    play.ticks(5)
    assert (play.rollout.phase, play.rollout.promoted, play.target.replicas) == (phase, V2.revision, 0)
    assert (play.told, play.rollout.known_good) == (["Adopted"], KnownGood.PRIMARY)
    assert play.world.writes == ["store.save"]


def test_a_settled_canary_whose_primary_is_known_to_be_older_is_rolled_out() -> None:
    play = _as_flagger_left_it(a_policy(STEPS), _stored(Phase.SUCCEEDED), canary_up=False, routes=Traffic())
    play.primary.source = V1.revision
    play.until(Phase.PROGRESSING)
    assert play.rollout.promoted == V1.revision


def test_a_failed_canary_stays_failed() -> None:
    play = _as_flagger_left_it(a_policy(STEPS), _stored(Phase.FAILED), canary_up=False, routes=Traffic())
    play.ticks(5)
    assert (play.rollout.phase, play.rollout.outcome) == (Phase.FAILED, Outcome.CHECKS)


def test_a_failed_promotion_keeps_the_traffic_on_the_canary_until_the_primary_is_ready() -> None:
    stored = _stored(Phase.FAILED, traffic=Traffic(canary_weight=100))
    play = _as_flagger_left_it(a_policy(STEPS), stored, canary_up=True, routes=Traffic(canary_weight=100))
    play.primary.crashing = True
    play.ticks(3)
    assert (play.rollout.outcome, play.split) == (Outcome.PROMOTION, (0, 100))
    play.primary.crashing = False
    play.until(Phase.SUCCEEDED)
    assert play.split == (100, 0)


def test_an_analysis_goes_on_from_the_weight_in_force() -> None:
    stored = _stored(Phase.PROGRESSING, traffic=Traffic(canary_weight=10), counts=Counts(failed=1))
    play = _as_flagger_left_it(a_policy(STEPS), stored, canary_up=True, routes=Traffic(canary_weight=20))
    play.ticks(2)
    assert (play.split, play.rollout.counts.failed, play.told) == ((70, 30), 1, ["Adopted", "WeightAdvanced"])
    play.until(Phase.SUCCEEDED)
    assert play.primary.source == V2.revision


def test_an_analysis_that_had_not_begun_begins() -> None:
    play = _as_flagger_left_it(a_policy(STEPS), _stored(Phase.PROGRESSING), canary_up=True, routes=Traffic())
    play.ticks(2)
    assert play.told[:3] == ["Adopted", "AnalysisStarted", "WeightAdvanced"]
    assert play.split == (80, 20)


@pytest.mark.parametrize(
    ("strategy", "stored", "routes", "iterations"),
    [
        (STEPS, -1, Traffic(canary_weight=30), 0),
        (ABTest(iterations=3), 2, Traffic(canary_weight=100), 3),
        (BlueGreen(iterations=3), 2, Traffic(), 3),
        (BlueGreen(iterations=3), 2, Traffic(canary_weight=100), 4),
    ],
)
def test_a_closed_promotion_gate_gets_back_the_counters_that_flagger_wound_back(
    strategy: Strategy, stored: int, routes: Traffic, iterations: int
) -> None:
    rollout = _stored(Phase.WAITING_PROMOTION, iterations=stored)
    play = _as_flagger_left_it(a_policy(strategy), rollout, canary_up=True, routes=routes)
    play.tick()
    assert (play.rollout.iterations, play.rollout.traffic) == (iterations, routes)
    play.ticks(1)
    play.until(Phase.SUCCEEDED)


def test_a_promotion_is_done_again_with_a_revision_that_is_known() -> None:
    stored = _stored(Phase.PROMOTING, traffic=Traffic(canary_weight=30))
    play = _as_flagger_left_it(a_policy(STEPS), stored, canary_up=True, routes=Traffic(canary_weight=30))
    play.until(Phase.SUCCEEDED)
    assert (play.primary.source, play.rollout.promoted, play.split) == (V2.revision, V2.revision, (100, 0))


def test_finalising_is_finished() -> None:
    play = _as_flagger_left_it(a_policy(STEPS), _stored(Phase.FINALISING), canary_up=True, routes=Traffic())
    play.until(Phase.SUCCEEDED)
    assert (play.target.replicas, play.rollout.promoted) == (0, V2.revision)


def test_a_closed_gate_before_the_rollout_is_asked_again() -> None:
    play = _as_flagger_left_it(a_policy(STEPS), _stored(Phase.WAITING), canary_up=False, routes=Traffic())
    play.ticks(2)
    assert (play.rollout.phase, play.told[-1]) == (Phase.PROGRESSING, "RolloutStarted")


def test_an_initialisation_is_finished() -> None:
    play = _as_flagger_left_it(
        a_policy(STEPS), _stored(Phase.INITIALIZING, promoted=None), canary_up=True, routes=Traffic()
    )
    play.until(Phase.INITIALIZED)
    assert (play.target.replicas, play.rollout.promoted) == (0, V2.revision)


def test_waits_and_attempts_of_an_older_release_begin_anew() -> None:
    waiting = Waiting(on=Wait.CANARY, since_s=1.0)
    stored = _stored(Phase.PROGRESSING, waiting=waiting, attempt=3)
    play = _as_flagger_left_it(a_policy(STEPS), stored, canary_up=True, routes=Traffic(canary_weight=10))
    first = play.tick().steps[0].rollout
    assert (first.waiting, first.attempt) == (None, 0)


def test_a_settled_canary_whose_primary_is_gone_gets_a_new_one() -> None:
    play = _as_flagger_left_it(a_policy(STEPS), _stored(Phase.SUCCEEDED), canary_up=False, routes=Traffic())
    play.world.primary = None
    play.ticks(2)
    assert play.primary.source == V2.revision


@pytest.mark.parametrize(
    ("stored", "current", "foreign"),
    [
        ("v1:aa", "v1:bb", False),
        ("v1:aa", "v2:aa", True),
        (FLAGGER, "v1:aa", True),
        ("v1", "v1:aa", True),
        ("aa", "bb", False),
        ("v1:a:b", "v1:c", False),
    ],
)
def test_fingerprints_of_other_schemes_are_foreign(stored: str, current: str, foreign: bool) -> None:
    assert is_foreign(stored, current) is foreign
