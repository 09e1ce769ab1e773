"""Corners of the machine that stories reach rarely."""

import pytest
from attrs import evolve

from canary_core import (
    EDGES,
    ABTest,
    Answered,
    Approved,
    Ask,
    Audience,
    Desired,
    EnsurePrimary,
    HookType,
    IllegalTransitionError,
    KnownGood,
    MetricQuestion,
    NoData,
    Observation,
    Outcome,
    Phase,
    Pods,
    Progressive,
    PromotePrimary,
    Request,
    Rollout,
    ScaleCanary,
    SourceError,
    Step,
    Traffic,
    Trouble,
    Unready,
    Verb,
    Verdict,
    Wait,
    Waiting,
    Workload,
    desired,
    difference,
    judge,
    notices,
    readiness,
    step,
    weights_by_step,
)
from canary_core.phases import check_edge
from stories.trajectories import SUCCESS_RATE, V1, V2, V3, CrashAt, Play, a_gate, a_policy, close_gate, open_gate

STEPS = Progressive(weights=weights_by_step(10, 30))
UP = Workload(revision="v1:2", replicas=2, updated=2, total=2, available=2)


def _play(**options: object) -> Play:
    return Play(a_policy(STEPS, **options))


def test_an_edge_that_is_not_in_the_table_is_a_bug() -> None:
    with pytest.raises(IllegalTransitionError) as caught:
        check_edge(Phase.SUCCEEDED, Phase.PROMOTING)
    assert (caught.value.source, caught.value.target) == ("Succeeded", "Promoting")
    assert str(caught.value) == "no edge from Succeeded to Promoting"


def test_every_phase_is_a_key_of_the_table() -> None:
    assert set(EDGES) == set(Phase)


def test_a_rollout_is_settled_when_its_end_has_been_told() -> None:
    assert not Rollout(phase=Phase.PROGRESSING).settled
    assert not Rollout(phase=Phase.FAILED, pending=(notices.RolledBack(),)).settled
    assert Rollout(phase=Phase.FAILED).settled


def test_a_rollout_has_no_fields_but_its_own() -> None:
    with pytest.raises(TypeError, match=r"^a rollout has no nonsense, rubbish$"):
        Rollout().but(rubbish=1, nonsense=1)
    assert Rollout().but(iterations=3) == Rollout(iterations=3)


def test_a_policy_without_checks_advances_by_time_alone() -> None:
    play = _play(checks=())
    play.rolling_out().until(Phase.SUCCEEDED)
    assert "SourcesAvailable" not in play.told


def test_an_answer_of_another_kind_is_an_error_not_a_pass() -> None:
    seen = Observation(
        now_s=1000.0,
        canary=UP,
        primary=evolve(UP, revision="v1:1"),
        routes=Traffic(canary_weight=10),
        answers=(Answered(question=MetricQuestion(check="request-success-rate"), answer=Approved()),),
    )
    rollout = Rollout(
        phase=Phase.PROGRESSING,
        traffic=Traffic(canary_weight=10),
        started=True,
        applied="v1:2",
        promoted="v1:1",
        known_good=KnownGood.PRIMARY,
    )
    decided = step(a_policy(STEPS, checks=(SUCCESS_RATE,)), rollout, seen)
    assert isinstance(decided, Step)
    assert decided.rollout.counts.failed == 1
    (found,) = decided.notices
    assert isinstance(found, notices.CheckNotPassed)
    assert (found.verdict, found.error) == (Verdict.ERROR, "the answer is not a measurement")


def test_an_answer_of_another_kind_is_no_approval() -> None:
    policy = a_policy(STEPS, hooks=(a_gate(HookType.CONFIRM_ROLLOUT),))
    rollout = Rollout(phase=Phase.SUCCEEDED, applied="v1:1", promoted="v1:1", known_good=KnownGood.PRIMARY)
    canary = Workload(revision="v1:2")
    seen = Observation(now_s=0.0, canary=canary, primary=evolve(UP, revision="v1:1"), routes=Traffic())
    asked = step(policy, rollout, seen)
    assert isinstance(asked, Ask)
    decided = step(policy, rollout, evolve(seen, answers=(Answered(question=asked.questions[0], answer=NoData()),)))
    assert isinstance(decided, Step)
    assert decided.rollout.phase is Phase.WAITING


def test_an_answer_of_another_kind_is_no_yes_of_a_pre_rollout_hook() -> None:
    hook = a_gate(HookType.PRE_ROLLOUT)
    rollout = Rollout(phase=Phase.PROGRESSING, applied="v1:2", promoted="v1:1", known_good=KnownGood.PRIMARY)
    seen = Observation(now_s=0.0, canary=UP, primary=evolve(UP, revision="v1:1"), routes=Traffic())
    policy = a_policy(STEPS, hooks=(hook,))
    asked = step(policy, rollout, seen)
    assert isinstance(asked, Ask)
    decided = step(policy, rollout, evolve(seen, answers=(Answered(question=asked.questions[0], answer=NoData()),)))
    assert isinstance(decided, Step)
    assert decided.notices == (notices.HookNotPassed(hook="gate", type=hook.type, unreachable=True, error=""),)


def test_a_first_primary_follows_the_target_while_it_has_no_traffic() -> None:
    play = _play()
    play.ticks(1)
    play.world.declare(V2)
    play.initialised()
    assert (play.primary.source, play.rollout.promoted) == (V2.revision, V2.revision)


def test_a_missing_target_is_waited_for_and_told_once() -> None:
    play = _play()
    target, play.world.target = play.world.target, None
    play.ticks(4)
    assert play.told == ["TargetMissing"]
    play.world.target = target
    play.initialised()


def test_a_first_primary_that_is_lost_is_made_again() -> None:
    play = _play()
    play.ticks(1)
    play.world.primary = None
    play.initialised()
    assert play.primary.source == V1.revision


def test_a_metric_source_that_is_down_does_not_stop_an_initialisation() -> None:
    play = _play()
    play.world.source_error = "down"
    play.initialised()
    assert play.told[0] == "SourcesUnavailable"


def test_an_initialisation_with_drain_time_leaves_the_target_alone_for_as_long() -> None:
    play = _play(drain_s=150).until(Phase.INITIALIZING)
    play.ticks(2)
    assert (play.split, play.target.replicas) == ((100, 0), 2)
    play.initialised()
    assert play.target.replicas == 0


def test_a_failed_initialisation_goes_on_when_the_primary_is_ready_after_all() -> None:
    play = _play(progress_deadline_s=100)
    play.world.start_primary_after_s = 400
    play.until(Phase.FAILED)
    play.ticks(1)
    assert play.last is not None
    assert play.last.reason == notices.RevisionFailed()
    play.initialised()
    assert play.target.replicas == 0


def test_a_rollback_with_drain_time_takes_the_pods_away_later() -> None:
    play = _play(drain_s=90, threshold=1).rolling_out().errors(0.5).until_weight(10)
    play.until(Phase.FAILED)
    assert (play.split, play.target.replicas) == ((100, 0), 2)
    assert "RolledBack" not in play.told
    play.ticks(2)
    assert (play.target.replicas, play.told[-2:]) == (0, ["ThresholdReached", "RolledBack"])


def test_a_canary_with_an_autoscaler_starts_with_its_floor_and_the_primary_keeps_its_number() -> None:
    policy = a_policy(STEPS)
    seen = Observation(now_s=0.0, canary=Workload(revision="v1:2", floor=3), primary=UP, routes=Traffic())
    waiting = Rollout(phase=Phase.PROGRESSING, applied="v1:2", promoted="v1:1")
    for floor, replicas in ((3, 3), (1, 1), (0, 1)):
        found = evolve(seen, canary=Workload(revision="v1:2", floor=floor))
        assert difference(policy, waiting, found) == (ScaleCanary(replicas=replicas),)
    ready = evolve(seen, canary=evolve(UP, floor=3), primary=evolve(UP, revision="v1:1"))
    promoting = Rollout(phase=Phase.PROMOTING, applied="v1:2", promoted="v1:1")
    assert difference(policy, promoting, ready) == (PromotePrimary(revision="v1:2", replicas=None),)


def test_a_canary_without_a_primary_to_go_by_starts_with_one_pod() -> None:
    seen = Observation(now_s=0.0, canary=Workload(revision="v1:2"), routes=Traffic())
    waiting = Rollout(phase=Phase.PROGRESSING, applied="v1:2", promoted="v1:1")
    assert difference(a_policy(STEPS), waiting, seen) == (ScaleCanary(replicas=1),)


def test_a_primary_is_made_with_at_least_one_pod() -> None:
    seen = Observation(now_s=0.0, canary=Workload(revision="v1:1"))
    first = Rollout(applied="v1:1")
    assert difference(a_policy(STEPS), first, seen) == (EnsurePrimary(revision="v1:1", replicas=1),)


def test_traffic_waits_until_its_receiver_can_serve() -> None:
    policy = a_policy(STEPS)
    rollout = Rollout(phase=Phase.PROGRESSING, traffic=Traffic(canary_weight=10), applied="v1:2", promoted="v1:1")
    dead = Workload(revision="v1:2", replicas=2)
    for canary, primary in ((dead, UP), (UP, dead), (None, UP), (UP, None)):
        seen = Observation(now_s=0.0, canary=canary, primary=primary, routes=Traffic())
        assert difference(policy, rollout, seen) == ()


def test_going_back_while_the_primary_is_lost_waits_for_it() -> None:
    play = _play(progress_deadline_s=200).rolling_out().until_weight(20)
    play.primary.crashing = True
    play.world.declare(V1)
    play.ticks(2)
    assert (play.rollout.phase, play.split) == (Phase.PROGRESSING, (0, 100))
    play.primary.crashing = False
    play.until(Phase.SUCCEEDED)
    assert play.rollout.outcome is Outcome.WITHDRAWN


def test_a_newer_revision_while_the_primary_is_lost_gets_all_traffic() -> None:
    play = _play(progress_deadline_s=400).rolling_out().until_weight(20)
    play.primary.crashing = True
    play.world.declare(V3)
    play.ticks(1)
    assert (play.split, play.rollout.known_good) == ((0, 100), KnownGood.NONE)
    assert play.told[-2:] == ["AnalysisRestarted", "NoKnownGood"]
    play.primary.crashing = False
    play.ticks(1)
    assert (play.split, play.rollout.known_good) == ((100, 0), KnownGood.PRIMARY)
    assert play.told[-2:] == ["PrimaryRecovered", "CanaryNotReady"]
    play.until(Phase.SUCCEEDED)
    assert play.rollout.promoted == V3.revision


def test_a_wait_that_is_over_before_the_interval_is_forgotten() -> None:
    """So that the next one has a deadline of its own."""
    play = _play().rolling_out().until_weight(10)
    play.target.crashing = True
    play.tick()
    assert play.rollout.waiting == Waiting(on=Wait.LOST, since_s=play.world.now_s)
    play.target.crashing = False
    play.world.now_s -= 30
    play.tick()
    waiting: Waiting | None = play.rollout.waiting
    assert (waiting is None, play.rollout.away_s) == (True, 0.0)


def test_all_times_without_traffic_for_want_of_a_canary_count_together() -> None:
    """So that one that comes and goes is rolled back in the end."""
    play = _play(progress_deadline_s=150).rolling_out().until_weight(10)
    for _ in range(4):
        play.target.crashing = True
        play.ticks(1)
        assert play.split == (100, 0)
        play.target.crashing = False
        play.ticks(1)
    assert (play.rollout.phase, play.rollout.outcome) == (Phase.FAILED, Outcome.DEADLINE)


def test_losing_one_workload_and_then_the_other_has_an_end() -> None:
    play = _play(progress_deadline_s=200).rolling_out().until_weight(20)
    for _ in range(12):
        play.target.crashing, play.primary.crashing = not play.target.crashing, play.target.crashing
        play.ticks(1)
    assert play.rollout.phase is Phase.FAILED


def test_a_step_back_is_not_taken_before_its_interval_is_over() -> None:
    play = _play(promotion_step=10).rolling_out().until(Phase.PROMOTING).until_weight(20)
    play.world.now_s -= 30
    play.tick()
    assert play.split == (80, 20)


def test_finalising_waits_for_a_primary_that_is_not_ready_any_more() -> None:
    play = _play().rolling_out().until(Phase.FINALISING)
    play.primary.crashing = True
    play.ticks(2)
    assert (play.rollout.phase, play.target.replicas) == (Phase.FINALISING, 2)
    play.primary.crashing = False
    play.until(Phase.SUCCEEDED)


def test_finalising_gives_the_traffic_to_the_canary_if_the_primary_stays_lost() -> None:
    play = _play(progress_deadline_s=150).rolling_out().until(Phase.FINALISING)
    play.primary.crashing = True
    play.until(Phase.FAILED)
    assert (play.rollout.outcome, play.split, play.target.replicas) == (Outcome.PROMOTION, (0, 100), 2)


def test_finalising_puts_edited_routes_back_and_waits_anew() -> None:
    play = _play().rolling_out().until(Phase.FINALISING)
    for broken in (False, True):
        play.world.traffic = Traffic(canary_weight=40)
        if broken:
            play.primary.update(evolve(V2, revision="v1:hand"), play.world.now_s)
        play.tick()
        assert (play.split, play.target.replicas) == ((100, 0), 2)
        play.world.advance(30)
    play.until(Phase.SUCCEEDED)


def test_a_promotion_that_nobody_can_serve_changes_nothing() -> None:
    play = _play(progress_deadline_s=150).rolling_out().until(Phase.PROMOTING)
    play.primary.crashing = play.target.crashing = True
    play.until(Phase.FAILED)
    assert (play.rollout.known_good, play.split) == (KnownGood.NONE, (70, 30))
    assert play.told[-2:] == ["PromotionFailed", "NoKnownGood"]


def test_traffic_left_on_the_canary_at_a_closed_gate_goes_back_when_the_primary_can_serve() -> None:
    play = _play(progress_deadline_s=150, hooks=(a_gate(HookType.CONFIRM_ROLLOUT),)).rolling_out()
    play.until(Phase.PROMOTING)
    play.primary.crashing = True
    play.until(Phase.FAILED)
    close_gate(play.world)
    play.world.declare(V3)
    play.ticks(3)
    assert (play.rollout.phase, play.split, play.rollout.known_good) == (Phase.WAITING, (0, 100), KnownGood.NONE)
    assert play.told[-2:] == ["ApprovalAwaited", "NoKnownGood"]
    play.primary.crashing = False
    play.ticks(1)
    assert (play.rollout.phase, play.split, play.rollout.known_good) == (Phase.WAITING, (100, 0), KnownGood.PRIMARY)


def test_a_failed_post_rollout_hook_ends_the_series_and_is_told() -> None:
    hooks = tuple(evolve(a_gate(HookType.POST_ROLLOUT), id=name) for name in ("first", "gate", "third"))
    play = _play(hooks=hooks)
    close_gate(play.world)
    play.rolling_out().until(Phase.SUCCEEDED)
    assert [question.hook for question in play.world.asked] == ["first", "gate"]
    assert [told.notice for told in play.world.told[-2:]] == [
        notices.HookPassed(hook="first", type=HookType.POST_ROLLOUT),
        notices.PostRolloutFailed(hook="gate", error=""),
    ]


def test_traffic_left_on_a_failed_canary_goes_back_when_the_primary_can_serve() -> None:
    play = _play(threshold=1).rolling_out().until_weight(20).errors(0.5)
    play.primary.crashing = True
    play.until(Phase.FAILED)
    assert (play.split, play.rollout.known_good, play.target.replicas) == ((0, 100), KnownGood.NONE, 2)
    play.primary.crashing = False
    play.ticks(2)
    assert (play.split, play.rollout.known_good, play.target.replicas) == ((100, 0), KnownGood.PRIMARY, 0)


def test_a_settled_canary_says_once_that_nobody_can_serve() -> None:
    play = _play().initialised()
    play.ticks(1)
    play.primary.crashing = True
    play.ticks(3)
    play.primary.crashing = False
    play.ticks(2)
    assert play.told.count("NoKnownGood") == 1
    assert play.rollout.waiting is None


def test_a_request_for_what_is_being_deleted_is_refused() -> None:
    for phase in (Phase.TERMINATING, Phase.TERMINATED):
        for verb in Verb:
            rollout = Rollout(phase=phase, applied="v1:1", promoted="v1:1")
            seen = Observation(now_s=0.0, canary=UP, routes=Traffic(), request=Request(id="1", verb=verb))
            decided = step(a_policy(STEPS, revert_on_deletion=True), rollout, seen)
            assert isinstance(decided, Step)
            assert decided.notices == (notices.RequestRefused(verb=verb, phase=phase),)


def test_a_target_that_does_not_get_ready_is_not_waited_for_for_ever_when_deleting() -> None:
    play = _play(revert_on_deletion=True, progress_deadline_s=150).initialised()
    play.world.deleting = True
    play.ticks(1)
    play.target.old = V1
    play.target.version = evolve(V1, revision="v1:9", ready_after_s=None)
    play.ticks(6)
    assert (play.world.gone, play.world.traffic) == (True, None)


def test_a_terminated_object_that_is_not_deleted_is_left_alone() -> None:
    decided = step(a_policy(STEPS), Rollout(phase=Phase.TERMINATED), Observation(now_s=0.0))
    assert decided == Step(rollout=Rollout(phase=Phase.TERMINATED), reason=notices.Settled())


@pytest.mark.parametrize(
    ("workload", "cause"),
    [
        (None, Unready.MISSING),
        (Workload(observed=False), Unready.UNOBSERVED),
        (Workload(replicas=2, stalled=True), Unready.STALLED),
        (Workload(), Unready.SCALED_DOWN),
        (Workload(replicas=2, updated=1, total=2, available=2), Unready.UPDATING),
        (Workload(replicas=2, updated=2, total=3, available=2), Unready.TERMINATING),
        (Workload(replicas=2, updated=2, total=2, available=1), Unready.UNAVAILABLE),
        (UP, None),
    ],
)
def test_readiness_goes_by_the_first_rule_that_applies(workload: Workload | None, cause: Unready | None) -> None:
    found = readiness(workload, percent=100, deadline_s=600, now_s=0)
    assert (found.cause, found.retriable) == (cause, cause is not Unready.STALLED)


def test_a_workload_that_says_for_too_long_that_pods_are_missing_is_given_up() -> None:
    workload = Workload(replicas=2, updated=2, total=2, available=1, unavailable_since_s=0)
    assert readiness(workload, percent=100, deadline_s=600, now_s=600).retriable
    assert not readiness(workload, percent=100, deadline_s=600, now_s=601).retriable
    assert readiness(workload, percent=50, deadline_s=600, now_s=601).ready
    later = evolve(workload, unavailable_since_s=500)
    assert readiness(later, percent=100, deadline_s=600, now_s=1000).retriable


def test_the_share_of_pods_is_rounded_down() -> None:
    workload = Workload(replicas=3, updated=3, total=3, available=1)
    assert readiness(workload, percent=50, deadline_s=600, now_s=0).ready
    assert not readiness(workload, percent=67, deadline_s=600, now_s=0).ready


def test_what_is_not_ours_is_not_desired() -> None:
    hands_off = Desired(primary=None, traffic=None, pods=Pods.ANY)
    policy = a_policy(STEPS, revert_on_deletion=True)
    assert desired(policy, Rollout(phase=Phase.TERMINATED, applied="v1:1", promoted="v1:1")) == hands_off
    failed = Rollout(phase=Phase.FAILED, outcome=Outcome.INITIALIZATION, applied="v1:1")
    assert desired(policy, failed) == hands_off
    rolled_back = Rollout(phase=Phase.FAILED, outcome=Outcome.CHECKS, promoted="v1:1")
    assert desired(policy, rolled_back) == Desired(primary="v1:1", traffic=Traffic(), pods=Pods.DOWN)


def test_a_primary_without_pods_is_not_remembered_as_such() -> None:
    play = _play().rolling_out().until_weight(20)
    play.primary.scale(0, play.world.now_s)
    play.world.declare(V3)
    play.ticks(1)
    assert play.rollout.replicas == 2


def test_no_data_and_errors_are_never_a_pass() -> None:
    assert {judge(SUCCESS_RATE, NoData()).name, judge(SUCCESS_RATE, SourceError(message="")).name} == {
        "NO_DATA",
        "ERROR",
    }


# -- Found by exploration -------------------------------------------------------------------------------------------


def test_a_lost_primary_leaves_the_traffic_to_pods_of_a_withdrawn_revision_for_want_of_others() -> None:
    """The target declares what is known to be good, but what answers for it are still pods of the other one."""
    play = _play(progress_deadline_s=150).rolling_out().until_weight(20)
    play.world.declare(evolve(V1, ready_after_s=None))
    play.until(Phase.FINALISING)
    play.primary.crashing = True
    play.ticks(1)
    assert (play.rollout.phase, play.split) == (Phase.FINALISING, (0, 100))
    play.until(Phase.FAILED)
    assert (play.split, play.rollout.known_good) == ((0, 100), KnownGood.NONE)


def test_a_withdrawn_rollout_whose_primary_is_slow_is_no_failed_promotion() -> None:
    play = _play(progress_deadline_s=150).rolling_out().until_weight(20)
    play.world.declare(V1)
    play.until(Phase.FINALISING)
    play.primary.update(evolve(V1, revision="v1:hand", ready_after_s=None), play.world.now_s)
    play.until(Phase.FAILED)
    assert (play.split, play.rollout.outcome, play.rollout.known_good) == (
        (100, 0),
        Outcome.DEADLINE,
        KnownGood.PRIMARY,
    )


def _judged_without_a_primary() -> Play:
    """A failed promotion, and a newer revision that is judged where the traffic is."""
    play = _play(progress_deadline_s=150, threshold=2).rolling_out().until(Phase.PROMOTING)
    play.primary.crashing = True
    play.until(Phase.FAILED)
    play.world.declare(evolve(V3, error_rate=0.5))
    play.until(Phase.PROGRESSING).ticks(2)
    assert (play.split, play.rollout.started) == ((0, 100), True)
    return play


def test_a_primary_that_comes_back_does_not_give_a_failed_revision_another_chance() -> None:
    play = _judged_without_a_primary()
    play.ticks(2)
    assert play.rollout.counts.failed == 2
    play.world.now_s -= 30
    play.primary.crashing = False
    play.tick()
    assert (play.rollout.phase, play.rollout.outcome, play.split) == (Phase.FAILED, Outcome.CHECKS, (100, 0))


def test_promote_is_refused_once_a_budget_is_used_up() -> None:
    play = _play(threshold=2).rolling_out().errors(0.5).until_weight(10)
    play.ticks(2)
    play.world.now_s -= 30
    play.ask(Verb.PROMOTE).tick()
    assert (play.rollout.phase, play.rollout.skipped, play.told[-1]) == (Phase.PROGRESSING, False, "RequestRefused")
    play.until(Phase.FAILED)


def test_a_declared_skip_does_not_promote_what_has_failed() -> None:
    play = _play(threshold=2).rolling_out().errors(0.5).until_weight(10)
    play.ticks(2)
    play.world.now_s -= 30
    play.world.policy = evolve(play.world.policy, skip_analysis=True)
    play.tick()
    assert (play.rollout.phase, play.rollout.outcome) == (Phase.FAILED, Outcome.CHECKS)


def test_a_pause_does_not_hide_a_lost_primary() -> None:
    play = _play().initialised()
    play.ask(Verb.PAUSE).ticks(1)
    play.world.declare(V2)
    play.primary.crashing = True
    play.ticks(2)
    assert "PrimaryNotReady" in play.told


@pytest.mark.parametrize("rolling", [True, False])
def test_a_failed_promotion_is_reconsidered_if_the_target_changes_before_the_traffic_moved(rolling: bool) -> None:
    play = _play(progress_deadline_s=150).rolling_out().until(Phase.PROMOTING)
    play.world.faults = CrashAt(2, after=True)
    play.primary.crashing = True
    play.until(Phase.FAILED)
    play.world.declare(V3)
    play.primary.crashing = not rolling
    play.tick()
    assert play.split == ((100, 0) if rolling else (0, 100))


def test_that_nobody_can_serve_is_told_also_when_the_traffic_was_on_the_canary() -> None:
    play = _play(progress_deadline_s=150).rolling_out().until(Phase.PROMOTING)
    play.primary.crashing = True
    play.until(Phase.FAILED).ticks(1)
    play.target.crashing = True
    play.ticks(3)
    assert (play.split, play.told.count("NoKnownGood"), play.told[-1]) == ((0, 100), 1, "NoKnownGood")


def test_a_lost_primary_is_made_again_at_once() -> None:
    play = _play().initialised()
    for _ in range(2):
        play.world.primary = None
        play.tick()
        assert play.primary.source == V1.revision


def test_a_canary_that_has_all_the_traffic_is_scaled_up_again_at_once() -> None:
    play = _play(progress_deadline_s=150).rolling_out().until(Phase.PROMOTING)
    play.primary.crashing = True
    play.until(Phase.FAILED)
    for _ in range(2):
        play.target.scale(0, play.world.now_s)
        play.tick()
        assert play.target.replicas == 2


def test_an_ab_test_is_put_in_force_only_beside_a_primary_that_can_serve_everybody_else() -> None:
    everything_that_matches = Traffic(canary_weight=100, audience=Audience.MATCHED)
    rollout = Rollout(phase=Phase.PROGRESSING, traffic=everything_that_matches, applied="v1:2", promoted="v1:1")
    seen = Observation(now_s=0.0, canary=UP, primary=Workload(revision="v1:1", replicas=2), routes=Traffic())
    assert difference(a_policy(ABTest(iterations=1)), rollout, seen) == ()


def test_a_closed_gate_does_not_hide_a_lost_primary() -> None:
    play = _play(hooks=(a_gate(HookType.CONFIRM_ROLLOUT),)).initialised()
    close_gate(play.world)
    play.world.declare(V2)
    play.until(Phase.WAITING)
    play.primary.crashing = True
    play.world.now_s -= 30
    play.tick()
    assert play.told[-1] == "NoKnownGood"
    play.primary.crashing = False
    open_gate(play.world)
    play.until(Phase.SUCCEEDED)


def test_routes_that_are_put_back_by_the_way_are_measured_anew() -> None:
    """Any request, even a refused one, makes a pass of its own that finishes what is lacking."""
    play = _play().rolling_out().until_weight(10)
    play.world.traffic = None
    play.ask(Verb.RETRY).tick()
    assert (play.split, play.rollout.since_s, play.told[-1]) == ((90, 10), play.world.now_s, "RequestRefused")


def test_a_request_does_not_shorten_the_time_to_drain() -> None:
    play = _play(drain_s=30)
    play.ticks(1)
    play.ask(Verb.PAUSE).tick()
    assert (play.split, play.target.replicas) == ((100, 0), 2)


def test_a_paused_skip_does_not_hide_a_lost_primary() -> None:
    play = _play(skip_analysis=True).rolling_out()
    play.ask(Verb.PAUSE).ticks(1)
    play.primary.crashing = True
    play.ticks(2)
    assert (play.told[-1], play.split) == ("PrimaryLost", (0, 100))


def test_a_target_scaled_up_by_hand_hides_no_new_revision() -> None:
    """Also if it is left alone for a while before it is scaled down again."""
    play = _play(drain_s=90).initialised()
    play.ticks(3)
    play.target.scale(2, play.world.now_s)
    play.ticks(1)
    assert (play.target.replicas, play.told[-1]) == (0, "CanaryRescaled")
    play.target.scale(2, play.world.now_s)
    play.world.declare(V2)
    play.until(Phase.SUCCEEDED)


def test_a_lost_primary_is_told_while_a_failed_canary_is_drained() -> None:
    play = _play(drain_s=200, threshold=1).rolling_out().errors(0.5).until(Phase.FAILED)
    play.primary.crashing = True
    play.ticks(1)
    assert (play.target.replicas, play.told[-1], play.split) == (2, "PrimaryLost", (0, 100))


def test_the_time_to_drain_begins_when_the_traffic_has_left_not_when_that_was_decided() -> None:
    play = _play(drain_s=90, threshold=1).rolling_out().errors(0.5).until_weight(10)
    play.ticks(1)
    play.world.faults = CrashAt(1, after=True)
    play.ticks(1)
    assert (play.rollout.phase, play.split) == (Phase.FAILED, (90, 10))
    play.ticks(2)
    assert (play.split, play.target.replicas) == ((100, 0), 2)
    play.ticks(1)
    assert play.target.replicas == 0


def test_a_settled_canary_says_when_it_will_have_been_drained() -> None:
    play = _play(drain_s=90, progress_deadline_s=150).rolling_out().until_weight(20)
    play.primary.crashing = True
    play.until(Phase.FAILED)
    play.primary.crashing = False
    done = play.tick()
    assert (play.split, done.next_s) == ((100, 0), play.world.now_s + 90)
    play.world.declare(V3)
    assert play.ask(Verb.PAUSE).tick().next_s == play.world.now_s + 90


@pytest.mark.parametrize("which", ["canary", "primary"])
def test_a_workload_that_gave_up_on_its_pods_long_ago_is_not_waited_for(which: str) -> None:
    short = Workload(revision="v1:2", replicas=2, updated=2, total=2, available=1, unavailable_since_s=0.0)
    workloads = {"canary": UP, "primary": evolve(UP, revision="v1:1"), which: short}
    rollout = Rollout(
        phase=Phase.PROGRESSING, applied="v1:2", promoted="v1:1", known_good=KnownGood.PRIMARY, changed_s=900.0
    )
    seen = Observation(now_s=1000.0, canary=workloads["canary"], primary=workloads["primary"], routes=Traffic())
    decided = step(a_policy(STEPS), rollout, seen)
    assert isinstance(decided, Step)
    assert (decided.rollout.phase, decided.rollout.outcome) == (Phase.FAILED, Outcome.DEADLINE)
    earlier = step(a_policy(STEPS), rollout, evolve(seen, now_s=500.0))
    assert isinstance(earlier, Step)
    assert earlier.rollout.phase is Phase.PROGRESSING


def test_a_first_primary_that_lacks_pods_gets_no_traffic() -> None:
    short = Workload(revision="v1:1", replicas=2, updated=2, total=2, available=1, unavailable_since_s=0.0)
    seen = Observation(now_s=10.0, canary=evolve(UP, revision="v1:1"), primary=short)
    assert difference(a_policy(STEPS), Rollout(applied="v1:1"), seen) == ()


def test_nothing_is_made_of_a_target_that_is_gone() -> None:
    settled = Rollout(phase=Phase.SUCCEEDED, applied="v1:1", promoted="v1:1")
    assert difference(a_policy(STEPS), settled, Observation(now_s=0.0, routes=Traffic())) == ()


@pytest.mark.parametrize("phase", [Phase.PROGRESSING, Phase.FINALISING, Phase.SUCCEEDED, Phase.FAILED])
def test_routes_that_follow_a_changed_spec_were_disturbed_by_nobody(phase: Phase) -> None:
    """Its owner has changed what the routes carry; only what somebody else has changed is put back."""
    split = Traffic(canary_weight=10) if phase is Phase.PROGRESSING else Traffic()
    promoted = "v1:1" if phase in {Phase.PROGRESSING, Phase.FAILED} else "v1:2"
    rollout = Rollout(
        phase=phase,
        traffic=split,
        applied="v1:2",
        promoted=promoted,
        known_good=KnownGood.PRIMARY,
        started=True,
        since_s=100.0,
        changed_s=100.0,
    )
    down = evolve(UP, replicas=0, updated=0, total=0, available=0)
    canary = UP if phase is Phase.PROGRESSING else down
    seen = Observation(now_s=200.0, canary=canary, primary=evolve(UP, revision=promoted), redeclared=True)
    rewritten = step(a_policy(STEPS), rollout, seen)
    assert isinstance(rewritten, Step)
    assert rewritten.notices == (notices.RoutesRedeclared(wanted=split),)
    for other in (evolve(seen, redeclared=False), evolve(seen, routes=Traffic(canary_weight=70))):
        corrected = step(a_policy(STEPS), rollout, other)
        assert isinstance(corrected, Step)
        assert corrected.notices == (notices.RoutesCorrected(found=other.routes, wanted=split),)


def test_what_keeps_pods_from_running_is_told_once_it_is_known_and_when_it_is_something_else() -> None:
    unready = Workload(revision="v1:2", replicas=2, updated=2, total=2, available=0)
    crashing = Trouble(reason="CrashLoopBackOff", message="of app-1")
    pulling = Trouble(reason="ImagePullBackOff", message="of app-1")
    rollout = Rollout(
        phase=Phase.PROGRESSING, applied="v1:2", promoted="v1:1", known_good=KnownGood.PRIMARY, changed_s=0.0
    )
    told: list[Trouble | None] = []
    seen = Observation(now_s=0.0)
    other = evolve(crashing, message="of app-2")
    for second, trouble in enumerate((None, None, crashing, crashing, None, other, pulling)):
        seen = Observation(
            now_s=float(second),
            canary=evolve(unready, trouble=trouble),
            primary=evolve(UP, revision="v1:1"),
            routes=Traffic(),
        )
        decided = step(a_policy(STEPS), rollout, seen)
        assert isinstance(decided, Step)
        told += [notice.readiness.trouble for notice in decided.notices if isinstance(notice, notices.CanaryNotReady)]
        rollout = decided.rollout
    assert told == [None, crashing, pulling]
    assert rollout.waiting == Waiting(on=Wait.CANARY, since_s=0.0, trouble=pulling)
    late = step(a_policy(STEPS), rollout, evolve(seen, now_s=10_000.0))
    assert isinstance(late, Step)
    (cause, _) = late.rollout.pending
    assert isinstance(cause, notices.CanaryNotReady)
    assert cause.readiness.trouble == pulling
