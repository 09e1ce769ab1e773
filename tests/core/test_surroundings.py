"""A refusal is an observation, a destination is what answers, and somebody serves if anybody can (ADR 0041)."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from canary_core import (
    ABTest,
    BlueGreen,
    HookType,
    KnownGood,
    Mirror,
    Observation,
    Obstacle,
    Outcome,
    Phase,
    Policy,
    Progressive,
    RestorePrimary,
    Rollout,
    ScalePrimary,
    SessionAffinity,
    Source,
    Step,
    Traffic,
    Unready,
    Verb,
    Wait,
    Workload,
    difference,
    readiness,
    step,
    weights_by_step,
)
from canary_core import notices as n
from canary_core.obstacles import note
from canary_core.situation import Situation
from canary_ports import RefusedError
from canary_sims.harness.strategies import observations, policies, rollouts
from canary_sims.world import Version
from stories.trajectories import V1, V2, V3, Play, a_gate, a_policy, close_gate, open_gate

STEPS = Progressive(weights=weights_by_step(10, 50))
BAD_SPEC = Obstacle(reason="InvalidSpec", message="spec.analysis.stepWeight: 0 is not allowed")
GONE = Obstacle(reason="MetricTemplateNotFound", message="there is no MetricTemplate errors in namespace here")


def _play(**options: object) -> Play:
    return Play(a_policy(STEPS, **{"progress_deadline_s": 300.0, **options}))


# -- Whoever can serve, serves --------------------------------------------------------------------------------------


def test_a_canary_without_a_ready_pod_gives_its_share_back_at_once_and_is_measured_anew() -> None:
    play = _play().rolling_out().until_weight(30)
    play.target.crashing = True
    play.tick()
    assert (play.split, play.rollout.phase, play.told[-1]) == ((100, 0), Phase.PROGRESSING, "CanaryLost")
    play.target.crashing = False
    assert play.until_weight(10).rollout.counts.failed == 0
    assert play.until(Phase.SUCCEEDED).rollout.promoted == V2.revision


def test_a_canary_that_stays_lost_is_rolled_back_by_the_deadline() -> None:
    play = _play().rolling_out().until_weight(30)
    play.target.crashing = True
    play.until(Phase.FAILED, most=7)
    assert (play.split, play.rollout.outcome) == ((100, 0), Outcome.DEADLINE)


def test_a_target_that_is_deleted_gives_its_share_back_at_once() -> None:
    play = _play().rolling_out().until_weight(30)
    play.world.target = None
    play.tick()
    assert (play.split, play.rollout.phase) == ((100, 0), Phase.PROGRESSING)
    play.until(Phase.FAILED, most=7)


def test_ready_pods_that_no_service_leads_to_answer_nobody() -> None:
    play = _play().rolling_out().until_weight(30)
    play.target.reachable = False
    play.tick()
    assert play.split == (100, 0)
    waited = play.world.told[-1].notice
    assert isinstance(waited, n.CanaryLost)
    assert waited.readiness.cause is Unready.UNREACHABLE
    play.target.reachable = True
    play.until(Phase.SUCCEEDED)


def test_a_primary_without_a_ready_pod_leaves_all_traffic_to_the_canary_until_it_is_back() -> None:
    play = _play().rolling_out().until_weight(10)
    play.primary.crashing = True
    play.tick()
    assert (play.split, play.rollout.known_good, play.told[-1]) == ((0, 100), KnownGood.NONE, "PrimaryLost")
    play.primary.crashing = False
    play.ticks(1)
    assert (play.split, play.rollout.known_good) == ((90, 10), KnownGood.PRIMARY)
    assert play.told[-3:] == ["PrimaryRecovered", "AnalysisStarted", "WeightAdvanced"]
    play.until(Phase.SUCCEEDED)


@pytest.mark.parametrize(
    "strategy", [STEPS, ABTest(iterations=3), BlueGreen(iterations=3), BlueGreen(iterations=3, mirror=Mirror())]
)
def test_every_strategy_begins_anew_after_a_loss(strategy: Progressive | ABTest | BlueGreen) -> None:
    play = Play(a_policy(strategy)).rolling_out()
    play.ticks(3)
    play.target.crashing = True
    play.ticks(1)
    assert play.split == (100, 0)
    play.target.crashing = False
    assert play.until(Phase.SUCCEEDED).primary.source == V2.revision


def test_a_primary_that_dies_after_it_got_its_first_traffic_gives_it_to_the_target() -> None:
    play = _play(drain_s=120.0)
    play.ticks(2)
    assert (play.rollout.phase, play.split) == (Phase.INITIALIZING, (100, 0))
    play.primary.crashing = True
    play.tick()
    assert play.split == (0, 100)
    play.world.traffic = Traffic(canary_weight=37)
    play.tick()
    assert play.split == (0, 100)
    play.primary.crashing = False
    play.tick()
    assert play.split == (100, 0)
    play.until(Phase.INITIALIZED)


def test_a_target_that_goes_while_it_answers_for_the_first_primary_leaves_the_traffic_to_that() -> None:
    play = _play(drain_s=120.0)
    play.ticks(2)
    play.primary.crashing = True
    play.tick()
    assert play.split == (0, 100)
    play.world.target = None
    play.primary.crashing = False
    play.tick()
    assert play.split == (100, 0)


@pytest.mark.parametrize("phase", [Phase.PROMOTING, Phase.FINALISING])
def test_a_primary_lost_at_the_end_leaves_the_traffic_to_what_was_approved(phase: Phase) -> None:
    play = _play().rolling_out().until(phase)
    play.primary.crashing = True
    play.tick()
    assert (play.rollout.phase, play.split) == (phase, (0, 100))
    play.primary.crashing = False
    assert play.until(Phase.SUCCEEDED).split == (100, 0)


def test_a_canary_lost_before_the_primary_was_touched_is_analysed_again() -> None:
    play = _play().rolling_out().until(Phase.PROMOTING)
    play.world.refused["workload.promote"] = RefusedError("Quota", "exceeded quota")
    play.primary.source = V1.revision
    play.target.crashing = True
    play.tick()
    assert (play.rollout.phase, play.split, play.told[-1]) == (Phase.PROGRESSING, (100, 0), "CanaryLost")


def test_a_settled_canary_that_still_has_pods_answers_for_a_lost_primary_and_gives_back() -> None:
    play = _play(drain_s=240.0).rolling_out().until(Phase.SUCCEEDED)
    play.target.scale(2, play.world.now_s - 120)
    play.primary.crashing = True
    play.tick()
    assert (play.split, play.rollout.known_good) == ((0, 100), KnownGood.CANARY)
    play.primary.crashing = False
    play.tick()
    assert (play.split, play.rollout.known_good) == ((100, 0), KnownGood.PRIMARY)


# -- The primary comes back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["settled", "analysis", "promotion", "failure"])
def test_a_primary_that_was_scaled_to_nothing_is_scaled_up_again(moment: str) -> None:
    play = _play()
    if moment == "settled":
        play.initialised()
    else:
        play.rolling_out()
        play.until_weight(20) if moment == "analysis" else None
        play.until(Phase.PROMOTING) if moment == "promotion" else None
        play.errors(0.5).until(Phase.FAILED).ticks(2) if moment == "failure" else None
    play.primary.scale(0, play.world.now_s)
    play.tick()
    assert play.primary.replicas == 2
    assert {"PrimaryRescaled", "PrimaryLost"} & set(play.told)


def _edit_primary(play: Play, *, ready_after_s: float | None = None) -> None:
    play.primary.edit(Version(revision="v1:by-hand", ready_after_s=ready_after_s), play.world.now_s)


def _restored(play: Play) -> int:
    return play.world.writes.count("workload.restore_primary")


def test_a_primary_that_was_edited_and_is_not_ready_keeps_no_new_revision_waiting() -> None:
    """Its pods of before serve meanwhile, so that nothing else would ever change it."""
    play = _play().initialised()
    _edit_primary(play)
    play.ticks(3)
    assert (_restored(play), play.split) == (0, (100, 0))
    play.world.declare(V2)
    play.tick()
    assert (play.primary.version, play.told.count("PrimaryRestored")) == (V1, 1)
    assert play.until(Phase.SUCCEEDED).primary.source == V2.revision
    assert _restored(play) == 1


@pytest.mark.parametrize("moment", ["analysis", "promotion", "end", "failure"])
def test_a_primary_that_was_edited_in_the_course_of_a_rollout_is_set_back_at_once(moment: str) -> None:
    play = _play().rolling_out()
    play.until_weight(20) if moment == "analysis" else None
    play.until(Phase.PROMOTING).ticks(1) if moment == "promotion" else None
    play.until(Phase.FINALISING) if moment == "end" else None
    if moment == "failure":
        play.errors(0.5).until(Phase.FAILED).ticks(2)
    written = play.primary.version
    _edit_primary(play)
    if moment == "failure":
        play.world.declare(V3)
    play.tick()
    assert (play.primary.version, play.told.count("PrimaryRestored")) == (written, 1)
    play.until(Phase.SUCCEEDED)
    assert play.primary.source == (V3 if moment == "failure" else V2).revision
    assert play.split == (100, 0)


def test_an_edit_while_a_gate_is_closed_is_undone_before_it_is_asked_again() -> None:
    play = _play(hooks=(a_gate(HookType.CONFIRM_ROLLOUT),)).initialised()
    close_gate(play.world)
    play.world.declare(V2)
    play.until(Phase.WAITING)
    _edit_primary(play)
    play.ticks(2)
    assert (play.primary.version, play.rollout.phase, _restored(play)) == (V1, Phase.WAITING, 1)
    open_gate(play.world)
    play.until(Phase.SUCCEEDED)


def test_an_edit_is_undone_though_whoever_delivers_a_revision_has_scaled_the_target_up() -> None:
    """At most once per interval here, too."""
    play = _play().initialised()
    play.ticks(2)
    play.world.declare(V2)
    play.target.scale(2, play.world.now_s)
    for _ in range(2):
        _edit_primary(play)
        play.tick()
    assert _restored(play) == 1
    play.until(Phase.SUCCEEDED)


def test_an_edit_of_the_first_primary_is_undone_before_that_has_traffic() -> None:
    play = _play()
    play.tick()
    _edit_primary(play)
    play.until(Phase.INITIALIZED)
    assert (play.primary.version, _restored(play)) == (V1, 1)


def test_an_edit_in_a_promotion_is_not_promoted_though_its_pods_are_ready() -> None:
    """What gets the traffic is what was approved."""
    play = _play().rolling_out().until(Phase.PROMOTING)
    play.ticks(1)
    _edit_primary(play, ready_after_s=0.0)
    play.until(Phase.FINALISING)
    assert (play.primary.version, play.primary.written) == (V2, None)


def test_an_edit_that_becomes_ready_is_left_alone_until_the_next_promotion() -> None:
    """An urgent fix, or ``kubectl rollout restart``."""
    play = _play().initialised()
    _edit_primary(play, ready_after_s=90.0)
    play.ticks(5)
    play.world.declare(V2)
    play.until_weight(20)
    assert (play.primary.version.revision, _restored(play)) == ("v1:by-hand", 0)
    assert play.until(Phase.SUCCEEDED).primary.version == V2


def test_an_edit_that_has_given_up_is_undone_though_nothing_new_is_declared() -> None:
    play = _play().initialised()
    play.primary.deadline_s = 150.0
    _edit_primary(play)
    play.ticks(6)
    assert (play.primary.version, _restored(play), play.told.count("PrimaryRestored")) == (V1, 1, 1)


def test_who_edits_again_and_again_is_answered_once_per_interval() -> None:
    play = _play().initialised()
    play.world.declare(V2)
    for _ in range(4):
        for _ in range(6):
            _edit_primary(play)
            play.tick()
            play.world.advance(10.0)
    assert _restored(play) <= 5


def test_an_edit_that_cannot_be_undone_is_told_once_and_costs_no_write() -> None:
    """What else is called for goes on."""
    play = _play().initialised()
    play.world.refused["workload.restore_primary"] = RefusedError("PrimaryTemplateLost", "it is nowhere")
    _edit_primary(play)
    play.world.declare(V2)
    play.ticks(3)
    saved = play.world.writes.count("store.save")
    play.ticks(5)
    told = [each.notice.obstacle.reason for each in play.world.told if isinstance(each.notice, n.Obstructed)]
    assert (play.world.writes.count("store.save"), told) == (saved, ["PrimaryTemplateLost"])
    assert play.rollout.obstacle is not None
    play.world.refused.clear()
    assert play.until(Phase.SUCCEEDED).rollout.obstacle is None


@given(policy=policies(), rollout=rollouts(), seen=observations())
def test_only_an_edited_primary_that_is_not_ready_is_ever_restored(
    policy: Policy, rollout: Rollout, seen: Observation
) -> None:
    """To a revision that is stored, and never while pods of it are all that is asked for."""
    for decision in difference(policy, rollout, seen):
        if isinstance(decision, RestorePrimary):
            assert seen.primary is not None
            assert seen.primary.edited
            assert not seen.primary.all_ready
            assert decision.revision in {rollout.promoted, rollout.applied}


def test_a_lost_primary_is_made_from_what_is_kept_of_its_revision() -> None:
    play = _play().rolling_out().errors(0.5).until(Phase.FAILED)
    play.ticks(2)
    play.world.primary = None
    play.tick()
    assert play.primary.source == V1.revision


def test_a_lost_primary_of_which_nothing_is_kept_waits_for_its_revision() -> None:
    play = _play().rolling_out().errors(0.5).until(Phase.FAILED)
    play.ticks(2)
    play.world.primary = None
    play.world.kept.clear()
    play.ticks(2)
    assert play.world.primary is None
    play.world.declare(V1)
    play.ticks(2)
    assert play.primary.source == V1.revision


def test_a_primary_that_cannot_change_in_place_is_made_anew_while_the_canary_has_all_traffic() -> None:
    play = _play().rolling_out()
    play.primary.rigid = True
    seen: list[tuple[bool, tuple[int, int]]] = []
    play.world.observers.append(lambda world: seen.append((world.primary is None, play.split)))
    play.until(Phase.SUCCEEDED)
    assert {split for gone, split in seen if gone} == {(0, 100)}
    assert (play.primary.source, play.primary.rigid, play.split) == (V2.revision, False, (100, 0))
    assert "PrimaryRemade" in play.told


def test_a_primary_that_makes_way_is_made_again_at_once_and_has_its_whole_deadline_for_it() -> None:
    """Nobody else changes anything then, so that nothing but the machine itself would wake it."""
    play = _play(progress_deadline_s=100.0).rolling_out()
    play.primary.rigid = True
    play.until(Phase.PROMOTING)
    gone: list[float] = []
    play.world.observers.append(lambda world: gone.append(world.now_s) if world.primary is None else None)
    play.until(Phase.SUCCEEDED)
    assert len(set(gone)) == 1, "for no time at all"
    assert play.primary.source == V2.revision


def test_an_autoscaler_at_zero_is_no_reason_to_leave_it_there() -> None:
    primary = Workload(revision="v1:1", replicas=0, floor=4)
    rollout = Rollout(phase=Phase.SUCCEEDED, applied="v1:1", promoted="v1:1", replicas=2)
    seen = Observation(now_s=9.0, canary=Workload(revision="v1:1"), primary=primary, routes=Traffic())
    assert ScalePrimary(replicas=4) in difference(a_policy(STEPS), rollout, seen)


def test_what_is_left_of_a_former_target_goes_when_another_has_the_traffic() -> None:
    play = _play()
    play.world.former = True
    play.ticks(1)
    assert (play.rollout.phase, play.world.former) == (Phase.INITIALIZING, True)
    play.initialised()
    play.ticks(1)
    assert not play.world.former
    written = len(play.world.writes)
    play.ticks(2)
    assert len(play.world.writes) == written


# -- What is in the way ---------------------------------------------------------------------------------------------


def test_an_obstacle_is_told_once_and_keeps_a_new_revision_from_beginning() -> None:
    play = _play().initialised()
    play.world.obstacles = (GONE,)
    play.world.declare(V2)
    play.ticks(3)
    assert (play.rollout.phase, play.target.replicas) == (Phase.INITIALIZED, 0)
    assert play.told.count("Obstructed") == 1
    assert play.rollout.obstacle == GONE
    play.world.obstacles = ()
    play.until(Phase.SUCCEEDED)
    assert play.rollout.obstacle is None


@pytest.mark.parametrize("held", [True, False], ids=["something is in the way", "paused"])
def test_a_new_revision_hides_no_lost_primary(held: bool) -> None:
    """What it waits for besides is no reason not to say that nobody can take the traffic."""
    seen = Observation(now_s=1000.0, canary=Workload(revision=V2.revision), obstacles=(BAD_SPEC,) if held else ())
    settled = Rollout(phase=Phase.SUCCEEDED, applied=V1.revision, promoted=V1.revision, paused=not held)
    found = step(a_policy(STEPS), settled.but(obstacle=BAD_SPEC if held else None), evolve(seen, routes=Traffic()))
    assert isinstance(found, Step)
    assert found.rollout.waiting is not None
    assert found.rollout.waiting.on is Wait.PRIMARY


@pytest.mark.parametrize("held", [True, False], ids=["something is in the way", "paused"])
def test_a_new_revision_that_has_all_traffic_is_not_known_to_be_good(held: bool) -> None:
    """And it is told so at once, once, though it is not analysed yet."""
    pods = Workload(revision=V3.revision, replicas=1, updated=1, total=1, available=1)
    everything = Traffic(canary_weight=100)
    failed = Rollout(
        phase=Phase.FAILED,
        outcome=Outcome.CHECKS,
        applied=V2.revision,
        promoted=V1.revision,
        traffic=everything,
        known_good=KnownGood.CANARY,
        paused=not held,
        obstacle=BAD_SPEC if held else None,
    )
    seen = Observation(now_s=1000.0, canary=pods, routes=everything, obstacles=(BAD_SPEC,) if held else ())
    found = step(a_policy(STEPS), failed, seen)
    assert isinstance(found, Step)
    assert (found.notices, found.rollout.known_good) == ((n.NoKnownGood(),), KnownGood.NONE)
    again = step(a_policy(STEPS), found.rollout, seen)
    assert isinstance(again, Step)
    assert (again.notices, again.rollout) == ((), found.rollout)


def test_an_obstacle_keeps_the_first_primary_from_being_made() -> None:
    play = _play()
    play.world.obstacles = (GONE,)
    play.ticks(2)
    assert (play.world.primary, play.world.traffic, play.rollout.phase) == (None, None, Phase.INITIALIZING)
    play.world.obstacles = ()
    play.initialised()


def test_a_settled_canary_with_an_obstacle_is_silent() -> None:
    play = _play().initialised()
    play.world.obstacles = (BAD_SPEC,)
    play.ticks(2)
    written = len(play.world.writes)
    play.ticks(3)
    assert len(play.world.writes) == written


def test_a_rollout_under_way_goes_on_to_its_end() -> None:
    play = _play().rolling_out().until_weight(20)
    play.world.obstacles = (BAD_SPEC,)
    assert play.until(Phase.SUCCEEDED).rollout.promoted == V2.revision


def test_a_bad_canary_is_rolled_back_whatever_is_in_the_way() -> None:
    play = _play(threshold=2).rolling_out().until_weight(20).errors(0.5)
    play.world.obstacles = (GONE, BAD_SPEC)
    play.until(Phase.FAILED, most=5)
    assert (play.split, play.rollout.outcome) == ((100, 0), Outcome.CHECKS)


@given(policies(), rollouts(), observations(), st.booleans())
def test_abort_is_heard_whatever_is_in_the_way(
    policy: Policy, rollout: Rollout, seen: Observation, acted: bool
) -> None:
    """As far as the machine would obey without."""
    source = Source.ACTED if acted else Source.SEEN
    blocked = evolve(BAD_SPEC, source=source)
    free = evolve(rollout, obstacle=blocked, pending=())
    asked = evolve(seen, obstacles=(blocked,), deleting=False)
    with_it = step(policy, free, asked)
    without = step(policy, evolve(free, obstacle=None), evolve(asked, obstacles=()))
    if isinstance(without, Step) and isinstance(without.reason, n.Aborted):
        assert isinstance(with_it, Step)
        assert with_it.rollout.phase is Phase.FAILED


def test_a_check_that_cannot_be_asked_counts_as_an_error_and_the_others_are_judged() -> None:
    play = _play(threshold=3).rolling_out().until_weight(10)
    play.world.refused["metrics.measure"] = RefusedError(GONE.reason, GONE.message)
    play.until(Phase.FAILED, most=6)
    assert play.split == (100, 0)
    errors = [each.notice for each in play.world.told if isinstance(each.notice, n.CheckNotPassed)]
    assert {found.error for found in errors} == {GONE.message}


# -- What is refused when it is tried -------------------------------------------------------------------------------

REFUSED = RefusedError("Denied", "admission webhook denied the request")


def test_what_is_refused_keeps_nothing_else_from_being_done() -> None:
    play = _play().rolling_out().until_weight(20)
    play.world.refused["workload.scale_canary"] = REFUSED
    play.ask(Verb.ABORT).ticks(2)
    assert (play.rollout.phase, play.split) == (Phase.FAILED, (100, 0))
    assert play.rollout.obstacle == Obstacle(reason="Denied", message=str(REFUSED), source=Source.ACTED)
    assert play.told.count("Obstructed") == 1


def test_what_is_refused_is_told_once_although_something_else_is_in_the_way_as_well() -> None:
    """Were it forgotten for that, routes would be reported as corrected, and stored, in each interval."""
    play = _play().rolling_out().until_weight(20)
    play.world.obstacles = (BAD_SPEC,)
    play.ticks(1)
    play.world.refused["router.ensure"] = REFUSED
    play.world.traffic = Traffic(canary_weight=70)
    play.ticks(3)
    assert play.rollout.obstacle == Obstacle(reason="Denied", message=str(REFUSED), source=Source.ACTED)
    assert (play.told.count("Obstructed"), play.told.count("RoutesCorrected")) == (2, 1)
    del play.world.refused["router.ensure"]
    play.ticks(2)
    assert (play.rollout.obstacle, play.split) == (BAD_SPEC, (70, 30))


ACTED = Obstacle(reason="Denied", message=str(REFUSED), source=Source.ACTED)
obstacles = st.lists(st.sampled_from((BAD_SPEC, GONE, ACTED, evolve(BAD_SPEC, source=Source.ACTED))), unique=True)


@given(policies(), rollouts(), observations(), obstacles, st.none() | st.sampled_from((BAD_SPEC, ACTED)))
def test_whatever_is_in_the_way_at_once_is_noted_once_and_what_is_refused_first(
    policy: Policy, rollout: Rollout, seen: Observation, found: list[Obstacle], known: Obstacle | None
) -> None:
    at = Situation(policy, evolve(rollout, obstacle=known), evolve(seen, obstacles=tuple(found)))
    noted = note(at)
    after = at.rollout if noted is None else noted.rollout
    refused = [each for each in found if each.source is Source.ACTED]
    stays = at.is_refused and difference(policy, at.rollout, at.seen)
    assert after.obstacle == next(iter([*refused, *([known] if stays else []), *found]), None)
    assert note(Situation(policy, after, at.seen)) is None
    told = () if noted is None else noted.notices
    now = after.obstacle
    is_news = now is not None and (known is None or _said(known) != _said(now))
    assert told == ((n.Obstructed(obstacle=now),) if now is not None and is_news else ())


def _said(obstacle: Obstacle) -> tuple[str, str]:
    return obstacle.reason, obstacle.message


def test_what_is_seen_and_then_refused_for_the_same_reason_is_told_once() -> None:
    play = _play().rolling_out().until_weight(20)
    play.world.obstacles = (Obstacle(reason="Denied", message=str(REFUSED)),)
    play.world.refused["router.ensure"] = REFUSED
    play.until(Phase.FAILED, most=9)
    assert play.told.count("Obstructed") == 1


@pytest.mark.parametrize("phase", [Phase.INITIALIZED, Phase.FINALISING, Phase.SUCCEEDED])
def test_routes_that_are_refused_are_told_and_stored_once(phase: Phase) -> None:
    """They are tried in each interval, for whoever carries out what is decided knows when it is worth a request."""
    play = _play()
    if phase is Phase.INITIALIZED:
        play.until(phase)
    else:
        play.rolling_out().until(phase)
    play.world.refused["router.ensure"] = REFUSED
    play.world.traffic = Traffic(canary_weight=70)
    play.ticks(2)
    before, told = play.rollout, len(play.told)
    play.ticks(5)
    assert before.obstacle == ACTED
    assert (play.rollout, play.told[told:]) == (before, [])


def test_a_split_that_is_refused_for_too_long_is_rolled_back() -> None:
    play = _play().rolling_out().until_weight(20)
    play.world.refused["router.ensure"] = REFUSED
    play.ticks(3)
    assert (play.split, play.rollout.phase) == ((80, 20), Phase.PROGRESSING)
    waiting = play.rollout.waiting
    assert waiting is not None
    assert waiting.on is Wait.ROUTES
    play.until(Phase.FAILED, most=7)
    assert "RoutesNotInForce" in play.told or play.rollout.outcome is Outcome.DEADLINE
    del play.world.refused["router.ensure"]
    play.ticks(2)
    assert (play.split, play.rollout.obstacle) == ((100, 0), None)


def test_a_split_that_is_accepted_again_is_measured_from_then_on() -> None:
    play = _play().rolling_out().until_weight(20)
    play.world.refused["router.ensure"] = REFUSED
    play.ticks(2)
    play.world.refused.clear()
    play.ticks(1)
    assert play.split == (100 - play.rollout.traffic.canary_weight, play.rollout.traffic.canary_weight)
    play.tick()
    assert play.rollout.since_s == play.world.now_s
    play.until(Phase.SUCCEEDED)


def test_what_is_refused_is_written_and_told_once() -> None:
    play = _play().rolling_out().until_weight(20)
    play.world.refused["router.ensure"] = REFUSED
    play.ticks(2)
    saves, told = play.world.writes.count("store.save"), len(play.told)
    play.ticks(2)
    assert (play.world.writes.count("store.save") - saves, len(play.told) - told) == (0, 0)


def test_a_tick_in_which_something_is_refused_ends() -> None:
    play = _play()
    play.world.refused["router.ensure"] = REFUSED
    play.ticks(3)
    done = play.tick()
    assert (len(done.steps), done.refused[0].reason) == (1, "Denied")
    assert done.next_s is not None
    assert done.next_s > play.world.now_s


# -- Readiness ------------------------------------------------------------------------------------------------------


def test_a_workload_that_nobody_reaches_is_not_ready() -> None:
    ready = Workload(revision="v1:1", replicas=2, updated=2, total=2, available=2)
    found = readiness(evolve(ready, reachable=False), percent=100, deadline_s=60, now_s=0)
    assert (found.cause, found.retriable) == (Unready.UNREACHABLE, True)
    assert not evolve(ready, reachable=False).can_serve


def test_a_cookie_of_a_lost_canary_is_called_back() -> None:
    affinity = SessionAffinity(cookie_name="sticky")
    play = Play(a_policy(STEPS, session_affinity=affinity)).rolling_out().until_weight(10)
    cookie = play.rollout.traffic.cookies.canary
    play.target.crashing = True
    play.tick()
    assert play.rollout.traffic.cookies.expired == cookie
    play.target.crashing = False
    play.world.declare(V3)
    play.until(Phase.SUCCEEDED)


def _nobody_serves(rollout: Rollout, routes: Traffic) -> Step:
    down = Workload(revision="v1:2", replicas=2, updated=2, total=2)
    seen = Observation(now_s=10.0, canary=down, primary=evolve(down, revision="v1:1"), routes=routes)
    decided = step(a_policy(STEPS, drain_s=240.0), rollout, seen)
    assert isinstance(decided, Step)
    return decided


def test_while_nobody_serves_a_failed_canary_is_not_taken_away() -> None:
    failed = Rollout(phase=Phase.FAILED, applied="v1:2", promoted="v1:1", outcome=Outcome.CHECKS, since_s=5.0)
    decided = _nobody_serves(evolve(failed, pending=(n.RolledBack(),)), Traffic())
    assert (decided.decisions, decided.reason) == ((), n.NoKnownGood())


def test_while_nobody_serves_routes_that_lead_elsewhere_are_left_as_they_are() -> None:
    failed = Rollout(phase=Phase.FAILED, applied="v1:3", promoted="v1:1", outcome=Outcome.PROMOTION, since_s=5.0)
    meant = evolve(failed, traffic=Traffic(canary_weight=100), pending=(n.NoKnownGood(),))
    decided = _nobody_serves(meant, Traffic(canary_weight=37))
    assert (decided.rollout.traffic, decided.decisions) == (Traffic(canary_weight=37), ())
