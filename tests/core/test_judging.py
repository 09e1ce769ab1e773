"""Verdicts, budgets, and what a policy may hold."""

import math

import pytest

from canary_core import (
    ABTest,
    BlueGreen,
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    Measurement,
    Mirror,
    NoData,
    Outcome,
    Phase,
    Policy,
    PolicyError,
    Progressive,
    Sample,
    SessionAffinity,
    SourceError,
    Strategy,
    Unreachable,
    Verdict,
    combine,
    judge,
    notices,
    weights_by_step,
)
from stories.trajectories import Play, a_gate, a_policy, close_gate

STEPS = Progressive(weights=weights_by_step(10, 50))
RANGE = Check(id="x", bound=Bound(minimum=1, maximum=2))


@pytest.mark.parametrize(
    ("check", "measurement", "verdict"),
    [
        (RANGE, Sample(value=1), Verdict.PASS),
        (RANGE, Sample(value=2), Verdict.PASS),
        (RANGE, Sample(value=0.999), Verdict.FAIL),
        (RANGE, Sample(value=2.001), Verdict.FAIL),
        (RANGE, Sample(value=math.inf), Verdict.FAIL),
        (RANGE, Sample(value=-math.inf), Verdict.FAIL),
        (RANGE, Sample(value=math.nan), Verdict.NO_DATA),
        (RANGE, NoData(), Verdict.NO_DATA),
        (RANGE, SourceError(message="down"), Verdict.ERROR),
        (Check(id="x"), Sample(value=-5), Verdict.PASS),
        (Check(id="x", min_samples=10), Sample(value=1, count=9), Verdict.NO_DATA),
        (Check(id="x", min_samples=10), Sample(value=1, count=10), Verdict.PASS),
        (Check(id="x", min_samples=10), Sample(value=1), Verdict.NO_DATA),
    ],
)
def test_a_measurement_is_held_against_closed_bounds(check: Check, measurement: Measurement, verdict: Verdict) -> None:
    assert judge(check, measurement) is verdict


def test_of_several_verdicts_the_worst_counts() -> None:
    assert combine([]) is Verdict.PASS
    assert combine([Verdict.PASS, Verdict.NO_DATA]) is Verdict.NO_DATA
    assert combine([Verdict.ERROR, Verdict.NO_DATA]) is Verdict.ERROR
    assert combine([Verdict.FAIL, Verdict.ERROR, Verdict.PASS]) is Verdict.FAIL


@pytest.mark.parametrize(
    ("budgets", "counts"),
    [
        ({}, (3, 0, 0)),
        ({"no_data_threshold": 5}, (0, 3, 0)),
        ({"error_threshold": 5}, (3, 0, 0)),
    ],
)
def test_no_data_counts_as_failed_unless_it_has_a_budget(budgets: dict[str, int], counts: tuple[int, int, int]) -> None:
    play = Play(a_policy(STEPS, **budgets)).rolling_out()
    play.world.source_silent = True
    play.until_weight(10).ticks(3)
    found = play.rollout.counts
    assert (found.failed, found.no_data, found.errors) == counts


def test_a_source_that_is_down_counts_as_failed_unless_errors_have_a_budget() -> None:
    for budgets, counts in (({}, (2, 0)), ({"error_threshold": 9}, (0, 2))):
        play = Play(a_policy(STEPS, **budgets)).rolling_out()
        play.world.source_error = "connection refused"
        play.until_weight(10).ticks(2)
        assert (play.rollout.counts.failed, play.rollout.counts.errors) == counts
        last = play.world.told[-1].notice
        assert isinstance(last, notices.CheckNotPassed)
        assert (last.verdict, last.error) == (Verdict.ERROR, "connection refused")


@pytest.mark.parametrize(
    ("budgets", "verdict"),
    [
        ({"threshold": 9, "no_data_threshold": 2}, Verdict.NO_DATA),
        ({"threshold": 9, "error_threshold": 2}, Verdict.ERROR),
        ({"threshold": 2}, Verdict.FAIL),
    ],
)
def test_a_budget_that_is_used_up_rolls_back(budgets: dict[str, int], verdict: Verdict) -> None:
    play = Play(a_policy(STEPS, **budgets)).rolling_out()
    play.world.source_silent = verdict is not Verdict.ERROR
    play.world.source_error = "down" if verdict is Verdict.ERROR else None
    play.until(Phase.FAILED)
    assert play.rollout.outcome is Outcome.CHECKS
    reached = notices.ThresholdReached(verdict=verdict, count=2, threshold=2)
    assert reached in [told.notice for told in play.world.told]


def test_a_hook_that_is_down_is_an_error_and_one_that_refuses_is_a_fault() -> None:
    hook = Hook(id="test", type=HookType.ROLLOUT)
    play = Play(a_policy(STEPS, hooks=(hook,), error_threshold=9)).rolling_out().until_weight(10)
    play.world.hook_answers["test"] = Unreachable(message="timeout")
    play.ticks(1)
    assert (play.rollout.counts.failed, play.rollout.counts.errors) == (0, 1)
    close_gate(play.world)
    play.world.hook_answers["test"] = play.world.hook_answers.pop("gate")
    play.ticks(1)
    assert (play.rollout.counts.failed, play.rollout.counts.errors) == (1, 1)


def test_the_threshold_counts_at_every_gate() -> None:
    """Flagger let checks fail on past the threshold while a gate was closed (fluxcd/flagger #1801)."""
    for kind in (HookType.CONFIRM_PROMOTION, HookType.CONFIRM_TRAFFIC_INCREASE):
        play = Play(a_policy(Progressive(weights=(10, 20)), hooks=(a_gate(kind),), threshold=2)).rolling_out()
        play.until_weight(10)
        close_gate(play.world)
        play.ticks(3)
        play.errors(0.5).until(Phase.FAILED, most=5)
        assert (play.rollout.outcome, play.split) == (Outcome.CHECKS, (100, 0))


def test_a_refusing_pre_rollout_hook_counts_and_is_asked_once_per_interval() -> None:
    hook = Hook(id="before", type=HookType.PRE_ROLLOUT)
    play = Play(a_policy(STEPS, hooks=(hook,), threshold=3)).initialised()
    close_gate(play.world)
    play.world.hook_answers["before"] = play.world.hook_answers.pop("gate")
    play.rolling_out().until(Phase.FAILED)
    assert [question.attempt for question in play.world.asked] == [0, 1, 2]
    assert play.told.count("HookNotPassed") == 3


def test_a_hook_is_asked_at_most_once_per_phase_step_and_attempt() -> None:
    kinds = [kind for kind in HookType if kind not in {HookType.EVENT, HookType.ROLLBACK}]
    hooks = tuple(Hook(id=kind.value, type=kind) for kind in kinds)
    play = Play(a_policy(STEPS, hooks=hooks)).rolling_out()
    for _ in range(60):
        play.tick()
        play.world.advance(15)
    assert play.rollout.phase is Phase.SUCCEEDED
    assert len(play.world.asked) == len(set(play.world.asked))
    assert {question.hook for question in play.world.asked} == {kind.value for kind in kinds}


def test_hooks_of_type_event_are_told_everything_that_is_told() -> None:
    play = Play(a_policy(STEPS, hooks=(Hook(id="bus", type=HookType.EVENT),))).initialised()
    assert [notice for _, notice in play.world.told_to_hooks] == [told.notice for told in play.world.told]
    assert play.world.asked == []


def test_an_approving_rollback_hook_rolls_back_at_once() -> None:
    hook = Hook(id="back", type=HookType.ROLLBACK)
    play = Play(a_policy(STEPS, hooks=(hook,)))
    play.rolling_out().until(Phase.FAILED)
    assert (play.rollout.outcome, play.told[-2:]) == (Outcome.HOOK, ["RollbackSignalled", "RolledBack"])


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (lambda: ABTest(iterations=0), "iterations"),
        (lambda: BlueGreen(iterations=-1), "iterations"),
        (lambda: BlueGreen(iterations=True), "iterations"),
        (lambda: Mirror(percent=101), "percent"),
        (lambda: Progressive(weights=()), "weights"),
        (lambda: Progressive(weights=(10, 5)), "weights[1]"),
        (lambda: Progressive(weights=(10, 101)), "weights[1]"),
        (lambda: Progressive(weights=(True,)), "weights[0]"),
        (lambda: weights_by_step(0), "step"),
        (lambda: weights_by_step(10, 101), "maximum"),
        (lambda: SessionAffinity(cookie_name=""), "cookie_name"),
        (lambda: SessionAffinity(cookie_name="a", primary_cookie_name="a"), "primary_cookie_name"),
        (lambda: Bound(minimum=math.nan), "minimum"),
        (lambda: Bound(maximum=math.inf), "maximum"),
        (lambda: Bound(minimum=2, maximum=1), "minimum"),
        (lambda: Check(id="x", window_s=0), "window_s"),
        (lambda: Check(id="x", min_samples=0), "min_samples"),
        (lambda: Check(id=""), "id"),
        (lambda: _policy(interval_s=0), "interval_s"),
        (lambda: _policy(interval_s=math.nan), "interval_s"),
        (lambda: _policy(threshold=0), "threshold"),
        (lambda: _policy(threshold=1.5), "threshold"),
        (lambda: _policy(promotion_step=0), "promotion_step"),
        (lambda: _policy(drain_s=-1), "drain_s"),
        (lambda: _policy(primary_ready_percent=101), "primary_ready_percent"),
        (lambda: _policy(approval_deadline_s=0), "approval_deadline_s"),
        (lambda: _policy(checks=(Check(id="a"), Check(id="b"), Check(id="a"))), "checks[2].id"),
        (lambda: _policy(hooks=(a_gate(HookType.ROLLOUT), a_gate(HookType.EVENT))), "hooks[1].id"),
    ],
)
def test_what_is_out_of_range_is_refused_with_its_path(build: object, path: str) -> None:
    with pytest.raises(PolicyError) as caught:
        build()  # type: ignore[operator]
    assert caught.value.path == path
    assert str(caught.value) == f"{path}: {caught.value.value!r} is not allowed, must be {caught.value.allowed}"


def _policy(**options: object) -> Policy:
    return Policy(strategy=STEPS, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("strategy", "weight"),
    [
        (STEPS, 50),
        (ABTest(iterations=1), 100),
        (BlueGreen(iterations=1), 100),
        (BlueGreen(iterations=1, shift=False), 0),
    ],
)
def test_the_largest_weight_of_a_policy(strategy: Strategy, weight: int) -> None:
    assert Policy(strategy=strategy).max_weight == weight


def test_a_success_rate_check_reads_in_percent() -> None:
    assert Check(id="x", kind=CheckKind.SUCCESS_RATE).window_s == 60
