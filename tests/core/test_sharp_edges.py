"""What of Flagger's surprising behaviour was kept, and what was mended. Numbers are rows of docs/compatibility.md."""

import math

import pytest
from attrs import evolve

from canary_core import (
    ABTest,
    Approved,
    Audience,
    BlueGreen,
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    Mirror,
    Phase,
    PolicyError,
    Progressive,
    Sample,
    SessionAffinity,
    Traffic,
    Unready,
    Verdict,
    Workload,
    judge,
    notices,
    readiness,
    shown_weight,
    weights_by_step,
)
from canary_core.messages import Names, Severity, alert
from canary_sims.world import Faults, World
from stories.trajectories import V1, V2, V3, Play, a_gate, a_policy, close_gate

TEN_TO_FIFTY = Progressive(weights=weights_by_step(10, 50))
NAMES = Names(canary="app", namespace="test", target="app")


def test_12_1_01_the_weight_of_record_is_the_stored_one() -> None:
    """Somebody edits the routes: they are put back, and the next step is computed from what was intended."""
    play = Play(a_policy(TEN_TO_FIFTY)).rolling_out().until_weight(20)
    play.world.traffic = Traffic(canary_weight=70)
    play.ticks()
    assert (play.split, play.rollout.traffic.canary_weight) == ((80, 20), 20)
    assert play.told[-1] == "RoutesCorrected"
    play.ticks()
    assert play.split == (70, 30)


def test_12_1_02_the_first_weight_is_set_without_asking_a_metric() -> None:
    """There was no traffic to measure yet."""
    play = Play(a_policy(TEN_TO_FIFTY)).rolling_out()
    play.world.source_silent = True
    play.until_weight(10)
    assert play.rollout.counts.failed == 0
    play.ticks(2)
    assert (play.rollout.traffic.canary_weight, play.rollout.counts.failed) == (10, 2)


def test_12_1_03_readiness_is_never_counted_as_a_failed_check() -> None:
    play = Play(a_policy(TEN_TO_FIFTY)).rolling_out().until_weight(20)
    play.target.crashing = True
    play.ticks(3)
    assert (play.rollout.phase, play.rollout.counts.failed) == (Phase.PROGRESSING, 0)
    assert play.split == (100, 0)
    play.target.crashing = False
    play.until_weight(20).ticks(2)
    assert play.rollout.traffic.canary_weight > 20


def test_12_1_04_the_rollback_comes_one_interval_after_the_threshold() -> None:
    play = Play(a_policy(TEN_TO_FIFTY, threshold=2)).rolling_out().errors(0.5).until_weight(10)
    play.ticks(2)
    assert (play.rollout.phase, play.rollout.counts.failed, play.split) == (Phase.PROGRESSING, 2, (90, 10))
    play.ticks()
    assert (play.rollout.phase, play.split, play.target.replicas) == (Phase.FAILED, (100, 0), 0)


def test_12_1_05_a_maximum_that_is_no_multiple_of_the_step_is_overshot() -> None:
    assert weights_by_step(20, 50) == (20, 40, 60)
    assert weights_by_step(40, 100) == (40, 80, 100)


def test_12_1_06_a_weight_that_is_not_in_the_ladder_goes_to_the_next_higher_one() -> None:
    """Flagger jumps to 100. Here the ladder was edited while the canary had 10 %."""
    play = Play(a_policy(TEN_TO_FIFTY)).rolling_out().until_weight(10)
    play.world.policy = evolve(play.world.policy, strategy=Progressive(weights=(5, 25, 50)))
    play.ticks()
    assert play.split == (75, 25)


@pytest.mark.parametrize("weights", [(10, 10), (20, 10), (0, 10), (50, 120), ()])
def test_12_1_07_a_ladder_that_does_not_rise_is_refused(weights: tuple[int, ...]) -> None:
    with pytest.raises(PolicyError):
        Progressive(weights=weights)


def test_12_1_08_a_closed_gate_shows_the_weight_in_force_and_repeats_nothing() -> None:
    """With iterations 1, Flagger would wind back to 0 and ask the pre-rollout hooks again."""
    before = Hook(id="before", type=HookType.PRE_ROLLOUT)
    policy = a_policy(BlueGreen(iterations=1), hooks=(before, a_gate(HookType.CONFIRM_PROMOTION)))
    play = Play(policy)
    close_gate(play.world)
    play.rolling_out().until(Phase.WAITING_PROMOTION).ticks(4)
    assert play.rollout.iterations == 1
    assert [question.hook for question in play.world.asked].count("before") == 1
    assert play.told.count("AnalysisStarted") == 1


def test_12_1_09_ab_and_blue_green_show_no_weight_in_the_status() -> None:
    for strategy in (ABTest(iterations=2), BlueGreen(iterations=2)):
        policy = a_policy(strategy)
        play = Play(policy).rolling_out().until(Phase.PROMOTING)
        assert play.split == (0, 100)
        assert shown_weight(policy, play.rollout) == 0


def test_12_1_11_a_rollback_for_a_passed_deadline_sends_an_alert() -> None:
    play = Play(a_policy(TEN_TO_FIFTY)).rolling_out(evolve(V2, ready_after_s=None)).until(Phase.FAILED)
    sent = [alert(told.notice, NAMES) for told in play.world.told]
    texts = [each.text for each in sent if each is not None and each.severity is Severity.ERROR]
    assert len(texts) == 1
    assert texts[0].startswith("Progress deadline exceeded canary deployment app.test not ready")


def test_12_1_12_the_traffic_gate_is_asked_before_each_rise_and_never_else() -> None:
    """Also before the first real step after mirroring, and not before the promotion."""
    strategy = Progressive(weights=weights_by_step(10, 20), mirror=Mirror())
    play = Play(a_policy(strategy, hooks=(a_gate(HookType.CONFIRM_TRAFFIC_INCREASE),)))
    play.rolling_out().until(Phase.SUCCEEDED)
    assert [question.step for question in play.world.asked] == ["weight 0", "mirror", "weight 10"]


def test_12_1_15_a_check_without_bounds_does_not_fail_on_any_positive_value() -> None:
    assert judge(Check(id="x"), Sample(value=17.0)) is Verdict.PASS


def test_12_1_16_an_infinite_duration_fails_its_maximum() -> None:
    check = Check(id="x", kind=CheckKind.DURATION, bound=Bound(maximum=500))
    assert judge(check, Sample(value=math.inf)) is Verdict.FAIL
    assert judge(check, Sample(value=math.nan)) is Verdict.NO_DATA


def test_12_1_21_the_transition_time_moves_with_transitions_only() -> None:
    """And a failed canary costs no writes."""
    play = Play(a_policy(TEN_TO_FIFTY, threshold=1)).rolling_out().until_weight(10)
    changed_s = play.rollout.changed_s
    play.ticks(2)
    assert play.rollout.changed_s == changed_s
    play.errors(0.5).until(Phase.FAILED)
    before = len(play.world.writes)
    play.ticks(5)
    assert len(play.world.writes) == before


def test_12_1_22_a_suspended_canary_is_told_of_once() -> None:
    play = Play(a_policy(TEN_TO_FIFTY)).rolling_out().until_weight(10)
    play.world.policy = evolve(play.world.policy, suspend=True)
    writes = len(play.world.writes)
    play.ticks(5)
    assert (play.told.count("Suspended"), play.split) == (1, (90, 10))
    assert play.world.writes[writes:] == ["store.save"]
    play.world.policy = evolve(play.world.policy, suspend=False)
    play.ticks()
    assert (play.told[-2:], play.split) == (["Resumed", "WeightAdvanced"], (80, 20))


def test_12_1_23_deletion_without_revert_leaves_everything_as_it_is() -> None:
    play = Play(a_policy(TEN_TO_FIFTY)).initialised()
    play.world.deleting = True
    play.ticks(2)
    assert (play.world.gone, play.split, play.target.replicas) == (True, (100, 0), 0)


def test_12_1_24_deletion_ends_also_when_the_routes_are_gone_already() -> None:
    play = Play(a_policy(TEN_TO_FIFTY, revert_on_deletion=True)).initialised()
    play.world.traffic, play.world.deleting = None, True
    play.ticks(4)
    assert play.world.gone


def test_12_1_25_routes_edited_by_hand_in_a_settled_phase_are_put_back() -> None:
    """At most once per interval, so as not to fight."""
    play = Play(a_policy(TEN_TO_FIFTY)).initialised()
    play.ticks()
    for _ in range(3):
        play.world.traffic = Traffic(mirrored=True)
        play.tick()
    assert play.told[-2:] == ["Initialized", "RoutesCorrected"]
    assert play.world.traffic == Traffic(mirrored=True)
    play.world.advance(60)
    play.tick()
    assert play.world.traffic == Traffic()


def test_routes_that_lead_to_nobody_are_put_back_at_once_and_told_once_per_interval() -> None:
    play = Play(a_policy(TEN_TO_FIFTY)).initialised()
    play.ticks()
    for _ in range(3):
        play.world.traffic = Traffic(canary_weight=50)
        play.tick()
        assert play.split == (100, 0)
    assert play.told.count("RoutesCorrected") == 1


def test_routes_that_lead_to_nobody_are_put_back_while_a_gate_is_closed_and_it_is_asked_no_later() -> None:
    play = Play(a_policy(TEN_TO_FIFTY, hooks=(a_gate(HookType.CONFIRM_ROLLOUT),))).initialised()
    close_gate(play.world)
    play.world.declare(V2)
    play.until(Phase.WAITING)
    asked = len(play.world.asked)
    for _ in range(6):
        play.world.traffic = None
        play.tick()
        assert play.split == (100, 0)
        play.world.advance(20)
    assert len(play.world.asked) - asked == 2


def test_a_rollout_whose_routes_are_fought_over_holds_and_goes_on_when_that_ends() -> None:
    """What was measured meanwhile does not count."""
    play = Play(a_policy(TEN_TO_FIFTY)).rolling_out().until_weight(20)
    for _ in range(9):
        play.world.traffic = None
        play.tick()
        assert play.split == (80, 20)
        play.world.advance(20)
    assert play.rollout.traffic.canary_weight == 20
    play.world.advance(60)
    play.tick()
    assert play.split == (70, 30)


def test_a_revision_that_comes_with_replicas_is_rolled_out_and_not_scaled_down_first() -> None:
    """As a tool does that has them in its manifest."""
    play = Play(a_policy(TEN_TO_FIFTY)).initialised()
    play.ticks()
    play.world.declare(V2)
    play.target.scale(1, play.world.now_s)
    before = list(play.world.writes)
    play.until(Phase.PROGRESSING)
    play.ticks()
    assert "workload.scale_canary" not in play.world.writes[len(before) :]
    assert play.target.replicas == 1


def test_12_1_28_with_conditions_the_weights_concern_matching_requests_only() -> None:
    play = Play(a_policy(Progressive(weights=(10, 20), matched=True))).rolling_out().until_weight(10)
    assert play.world.traffic == Traffic(canary_weight=10, audience=Audience.MATCHED)


def test_12_1_29_no_cookie_is_made_for_the_primary_unless_it_has_a_name() -> None:
    policy = a_policy(TEN_TO_FIFTY, session_affinity=SessionAffinity(cookie_name="cc"))
    play = Play(policy).rolling_out().until_weight(10)
    assert play.rollout.traffic.cookies.primary is None
    assert play.rollout.traffic.cookies.canary is not None


def test_12_1_36_a_target_scaled_to_zero_by_hand_is_scaled_up_again_and_never_promoted_with_zero() -> None:
    play = Play(a_policy(TEN_TO_FIFTY)).rolling_out().until_weight(20)
    play.target.scale(0, play.world.now_s)
    play.ticks()
    assert play.target.replicas == 2
    play.until(Phase.SUCCEEDED)
    assert play.primary.replicas == 2


def test_12_1_39_routes_reset_in_the_middle_of_an_analysis_do_not_start_it_again() -> None:
    before = Hook(id="before", type=HookType.PRE_ROLLOUT)
    play = Play(a_policy(TEN_TO_FIFTY, hooks=(before,))).rolling_out().until_weight(30)
    play.world.traffic = Traffic()
    play.ticks()
    assert play.split == (70, 30)
    play.until(Phase.SUCCEEDED)
    assert [question.hook for question in play.world.asked] == ["before"]
    assert play.told.count("AnalysisStarted") == 1


# -- Races ----------------------------------------------------------------------------------------------------------


def test_12_2_01_a_revision_that_finds_the_primary_unready_is_analysed_later() -> None:
    """It is recorded only when it is acted upon."""
    play = Play(a_policy(TEN_TO_FIFTY, threshold=1)).rolling_out().until_weight(10)
    play.errors(0.5).until(Phase.FAILED)
    play.primary.crashing = True
    play.world.declare(V3)
    play.ticks(3)
    assert play.rollout.phase is Phase.FAILED
    play.primary.crashing = False
    play.until(Phase.SUCCEEDED)
    assert play.rollout.promoted == V3.revision


def test_12_2_02_promotion_in_steps_goes_on_when_the_canary_has_no_traffic_left() -> None:
    play = Play(a_policy(TEN_TO_FIFTY, promotion_step=60)).rolling_out().until(Phase.PROMOTING)
    play.world.traffic = Traffic()
    play.until(Phase.SUCCEEDED, most=8)
    assert play.split == (100, 0)


def test_12_2_03_a_target_that_changes_before_the_copy_is_not_promoted() -> None:
    """The revision is part of the order to copy it; the new one gets an analysis of its own."""
    policy = a_policy(TEN_TO_FIFTY, hooks=(a_gate(HookType.CONFIRM_PROMOTION),))
    play = Play(policy).rolling_out().until_weight(50)
    revisions: list[str | None] = []
    play.world.observers.append(lambda world: revisions.append(world.primary.source if world.primary else None))
    play.world.hook_answers["gate"] = Approved()
    play.world.faults = _ChangeBefore(play, "workload.promote")
    play.ticks(1)
    assert play.told[-1] != "PromotionStarted" or play.primary.source == V1.revision
    play.until(Phase.SUCCEEDED)
    assert set(revisions) == {V1.revision, V3.revision}
    assert play.rollout.promoted == V3.revision


class _ChangeBefore(Faults):
    """The user declares V3 right before a port call, once."""

    def __init__(self, play: Play, call: str) -> None:
        self.play, self.call = play, call

    def before(self, call: str) -> None:
        if call == self.call and self.play.target.version.revision != V3.revision:
            self.play.world.declare(V3)


def test_12_2_04_a_target_that_changes_during_the_initialisation_is_rolled_out_afterwards() -> None:
    play = Play(a_policy(TEN_TO_FIFTY))
    play.world.faults = _ChangeBefore(play, "workload.scale_canary")
    play.until(Phase.PROGRESSING)
    assert (play.primary.source, play.rollout.promoted) == (V1.revision, V1.revision)
    play.until(Phase.SUCCEEDED)
    assert (play.primary.source, play.rollout.promoted) == (V3.revision, V3.revision)


def test_12_2_05_going_back_to_the_promoted_revision_withdraws_the_rollout() -> None:
    play = Play(a_policy(TEN_TO_FIFTY)).rolling_out().until_weight(20)
    play.world.declare(V1)
    play.until(Phase.SUCCEEDED)
    assert (play.rollout.applied, play.rollout.promoted) == (V1.revision, V1.revision)
    play.ticks(5)
    assert play.rollout.phase is Phase.SUCCEEDED


def test_12_2_06_a_lost_primary_is_never_made_again_from_an_unproved_revision() -> None:
    play = Play(a_policy(TEN_TO_FIFTY, progress_deadline_s=120)).rolling_out().until_weight(20)
    play.world.primary = None
    play.world.kept.clear()
    play.tick()
    assert (play.world.primary, play.split) == (None, (0, 100))
    play.world.declare(V1)
    play.ticks(4)
    assert (play.primary.source, play.primary.replicas, play.split) == (V1.revision, 2, (100, 0))


def test_12_2_06_a_primary_lost_in_a_rollout_is_made_again_from_what_is_kept_of_its_revision() -> None:
    play = Play(a_policy(TEN_TO_FIFTY, progress_deadline_s=120)).rolling_out().until_weight(20)
    play.world.primary = None
    play.tick()
    assert (play.primary.source, play.split) == (V1.revision, (0, 100))
    play.until(Phase.SUCCEEDED)
    assert play.primary.source == V2.revision


def test_12_2_06_a_primary_lost_while_nothing_goes_on_is_made_again_with_its_replicas() -> None:
    play = Play(a_policy(TEN_TO_FIFTY)).initialised()
    play.ticks()
    play.world.primary = None
    play.ticks(2)
    assert (play.primary.source, play.primary.replicas) == (V1.revision, 2)


def test_12_2_07_a_newer_revision_after_a_failed_promotion_is_judged_where_the_traffic_is() -> None:
    play = _failed_promotion()
    play.world.declare(V3)
    play.ticks(4)
    assert play.split == (0, 100)
    assert play.target.replicas == 2


def _failed_promotion() -> Play:
    play = Play(a_policy(TEN_TO_FIFTY, progress_deadline_s=120)).rolling_out().until(Phase.PROMOTING)
    play.primary.crashing = True
    play.until(Phase.FAILED)
    assert play.split == (0, 100)
    return play


def test_12_2_08_a_canary_lost_while_promoting_does_not_undo_the_promotion() -> None:
    play = Play(a_policy(TEN_TO_FIFTY)).rolling_out().until(Phase.PROMOTING)
    play.target.crashing = True
    play.until(Phase.SUCCEEDED)
    assert (play.rollout.promoted, play.primary.source, play.split) == (V2.revision, V2.revision, (100, 0))


def test_12_2_09_the_old_revision_after_a_failed_promotion_is_rolled_out_again() -> None:
    """It is a change, for the primary does not run it any more."""
    play = _failed_promotion()
    play.world.declare(V1)
    play.ticks(3)
    play.primary.crashing = False
    play.until(Phase.SUCCEEDED)
    assert (play.primary.source, play.rollout.promoted, play.split) == (V1.revision, V1.revision, (100, 0))


def test_12_2_10_a_skipped_analysis_still_waits_for_the_primary() -> None:
    """Flagger scales the canary to 0 right after the copy; here nobody is without a ready pod at any time."""
    play = Play(a_policy(TEN_TO_FIFTY, skip_analysis=True)).initialised()
    play.world.declare(V2)
    serving: list[bool] = []
    play.world.observers.append(lambda world: serving.append(play.primary.serving(world.now_s) is not None))
    play.until(Phase.SUCCEEDED)
    assert all(serving)
    assert play.told[-4:] == ["CanaryNotReady", "PromotionStarted", "PrimaryNotReady", "Promoted"]
    last = play.world.told[-1].notice
    assert last == notices.Promoted(skipped=True)


def test_12_2_11_nothing_is_rewired_while_the_object_is_being_deleted() -> None:
    play = Play(a_policy(TEN_TO_FIFTY, revert_on_deletion=True)).initialised()
    play.ticks()
    play.world.deleting = True
    writes = len(play.world.writes)
    play.ticks(5)
    assert play.world.gone
    assert [each for each in play.world.writes[writes:] if each != "store.save"] == [
        "workload.scale_canary",
        "router.release",
        "store.release",
    ]
    assert play.target.replicas == 2


def test_12_2_13_a_cookie_is_stored_before_it_is_in_force() -> None:
    policy = a_policy(TEN_TO_FIFTY, session_affinity=SessionAffinity(cookie_name="cc"))
    play = Play(policy).rolling_out()
    pairs: set[tuple[str | None, str | None]] = set()

    def look(world: World) -> None:
        routed = world.traffic.cookies.canary if world.traffic else None
        pairs.add((routed, world.rollout.traffic.cookies.canary))

    play.world.observers.append(look)
    play.until_weight(50)
    assert len({routed for routed, _ in pairs if routed}) == 1
    assert all(routed in {None, stored} for routed, stored in pairs)


def test_a_workload_without_any_available_pod_is_never_ready() -> None:
    """Rounding down a threshold of 99 % of one pod would otherwise ask for none."""
    workload = Workload(replicas=1, updated=1, total=1, available=0)
    found = readiness(workload, percent=99, deadline_s=600, now_s=0)
    assert (found.cause, found.have, found.want) == (Unready.UNAVAILABLE, 0, 1)
