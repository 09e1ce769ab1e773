"""What is remembered of rollouts: whole, bounded, and the same decisions when it is run through the machine again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from canary_core import (
    Answer,
    Answered,
    Approved,
    Ask,
    Bound,
    Check,
    Hook,
    HookQuestion,
    HookType,
    MetricQuestion,
    NoData,
    Observation,
    Outcome,
    Phase,
    Policy,
    Progressive,
    Question,
    Record,
    Refused,
    Rollout,
    Sample,
    SourceError,
    Unreachable,
    Verb,
    Verdict,
    as_now,
    at_best,
    forecast,
    replay,
    step,
)
from canary_core.notices import RevisionReverted
from canary_core.record import LONGEST, MOST_FINDINGS, MOST_PAST, UNDER_WAY, Finding, Heard, Said, after
from canary_sims.harness.strategies import observations, policies, rollouts
from stories.obliged import V1, Life

V2, V3 = "v1:2", "v1:3"
CHECK = Check(id="success", bound=Bound(minimum=99.0))
STEPS = Policy(strategy=Progressive(weights=(10, 50)), checks=(CHECK,), interval_s=60.0, threshold=2)
GOOD, BAD = Sample(value=99.5), Sample(value=90.0)


def _with(policy: Policy, found: Answer) -> Callable[[Question], Answer]:
    best = at_best(policy)
    return lambda question: found if isinstance(question, MetricQuestion) else best(question)


def _life(*found: Answer, policy: Policy = STEPS, revision: str = V2) -> Life:
    """One whose checks have these answers in turn, the last one for ever."""
    life, best, left = Life(policy), at_best(policy), list(found)

    def answer(question: Question) -> Answer:
        if not isinstance(question, MetricQuestion):
            return best(question)
        return left.pop(0) if len(left) > 1 else left[0]

    life.declare(revision, "app:2")
    life.go(answer)
    return life


def test_each_check_is_remembered_with_value_bound_and_verdict() -> None:
    record = _life(GOOD, BAD, NoData(), GOOD).record
    assert [(each.before.weight, each.then.weight, each.then.counts.failed) for each in record.rounds] == [
        (10, 50, 0),
        (50, 50, 1),
        (50, 50, 2),
    ]
    first = record.rounds[0].findings[0]
    assert (first.check, first.value, first.bound, first.verdict) == ("success", 99.5, CHECK.bound, Verdict.PASS)
    assert [each.findings[0].verdict for each in record.rounds] == [Verdict.PASS, Verdict.FAIL, Verdict.NO_DATA]
    assert record.now is not None
    assert (record.now.revision, record.now.title, record.now.weight) == (V2, "app:2", 50)
    assert (record.now.outcome, record.now.not_passed) == (Outcome.CHECKS, 2)
    assert isinstance(record.now.worst, Finding)
    assert record.now.worst.verdict is Verdict.NO_DATA


def test_how_rollouts_ended_is_remembered_ten_of_them() -> None:
    life = Life(STEPS)
    for number in range(14):
        life.declare(f"v1:{number + 2}", f"app:{number + 2}")
        life.go(_with(STEPS, BAD if number % 3 == 2 else GOOD))
    assert life.record.now is not None
    assert [each.title for each in (*life.record.past, life.record.now)] == [f"app:{each}" for each in range(6, 16)]
    assert [each.outcome for each in life.record.past[:4]] == [
        Outcome.COMPLETED,
        Outcome.CHECKS,
        Outcome.COMPLETED,
        Outcome.COMPLETED,
    ]
    assert all(each.ended_s is not None and each.ended_s > each.began_s for each in life.record.past)
    assert len(life.record.past) == MOST_PAST


def test_a_revision_that_another_one_overtakes_has_no_outcome() -> None:
    life = Life(STEPS)
    life.declare(V2)
    while life.rollout.traffic.canary_weight < 50:
        life.once(_with(STEPS, GOOD))
    life.declare(V3)
    life.go(_with(STEPS, GOOD))
    (overtaken,) = life.record.past
    assert (overtaken.revision, overtaken.outcome) == (V2, None)
    assert overtaken.ended_s is not None
    assert life.record.now is not None
    assert (life.record.now.revision, life.record.now.outcome) == (V3, Outcome.COMPLETED)


def test_an_abort_is_an_outcome_and_a_retry_another_rollout() -> None:
    life = Life(STEPS)
    life.declare(V2)
    while life.rollout.traffic.canary_weight < 10:
        life.once(_with(STEPS, GOOD))
    life.ask(Verb.ABORT)
    life.go(_with(STEPS, GOOD))
    life.ask(Verb.RETRY)
    life.go(_with(STEPS, GOOD))
    life.ask(Verb.RESUME)
    life.go(_with(STEPS, GOOD))
    assert [each.outcome for each in life.record.past] == [Outcome.ABORTED]
    assert life.record.now is not None
    assert life.record.now.outcome is Outcome.COMPLETED


@pytest.mark.parametrize(("said", "heard"), [(Refused(), Said.REFUSED), (Unreachable(), Said.UNREACHABLE)])
def test_a_hook_that_judges_is_remembered_as_what_did_not_pass(said: Answer, heard: Said) -> None:
    policy = evolve(STEPS, hooks=(Hook(id="smoke", type=HookType.ROLLOUT),))
    life, best = Life(policy), at_best(policy)
    life.declare(V2)
    life.go(lambda question: best(question) if isinstance(question, MetricQuestion) else said)
    assert life.record.now is not None
    assert life.record.now.worst == Heard(hook="smoke", type=HookType.ROLLOUT, said=heard)
    assert life.record.now.not_passed == policy.threshold
    assert [each.same for each in replay(policy, life.record.rounds)] == [True, True]
    more = evolve(policy, hooks=(*policy.hooks, Hook(id="back", type=HookType.ROLLBACK)))
    assert next(replay(more, life.record.rounds)).missing == "hook back"


def test_a_failure_that_is_taken_back_is_told_once_and_known_until_it_comes_again() -> None:
    life = _life(BAD)
    told = list[str]()
    for revision, is_reverted in ((V1, True), (V2, False), (V1, True), (V3, False)):
        life.declare(revision)
        life.go(_with(STEPS, BAD))
        assert (life.rollout.phase, life.rollout.reverted) == (Phase.FAILED, is_reverted)
        told += [type(each).__name__ for each in life.told if isinstance(each, RevisionReverted)]
        life.told.clear()
    assert told == ["RevisionReverted"] * 2


def test_a_gate_that_stays_closed_takes_one_place() -> None:
    gate = Hook(id="ask", type=HookType.CONFIRM_TRAFFIC_INCREASE)
    policy = evolve(STEPS, hooks=(gate,))
    life, best = Life(policy), at_best(policy)
    life.declare(V2)
    closed = lambda question: best(question) if isinstance(question, MetricQuestion) else Refused()  # noqa: E731
    life.go(closed, most=40)
    first, round_ = life.record.rounds
    assert (first.times, first.before.started, round_.before.started) == (1, False, True)
    assert round_.times > 10
    assert round_.hooks == (Heard(hook="ask", type=gate.type, said=Said.REFUSED),)
    life.go(best)
    assert life.record.now is not None
    assert life.record.now.outcome is Outcome.COMPLETED
    assert life.record.now.not_passed == 0


def test_of_many_checks_the_worst_are_remembered() -> None:
    checks = tuple(Check(id=f"{number:0>70}", bound=Bound(minimum=99.0)) for number in range(40))
    policy = evolve(STEPS, checks=checks)
    best = at_best(policy)
    life = Life(policy)
    life.declare(V2)
    bad = checks[-1].id
    life.go(lambda question: BAD if isinstance(question, MetricQuestion) and question.check == bad else best(question))
    (*_, last) = life.record.rounds
    assert len(last.findings) == MOST_FINDINGS
    assert last.findings[-1].verdict is Verdict.FAIL
    assert last.left_off == 40 - MOST_FINDINGS
    assert not list(replay(policy, life.record.rounds))


def test_the_oldest_rounds_of_a_long_rollout_are_forgotten() -> None:
    policy = evolve(STEPS, strategy=Progressive(weights=tuple(range(1, 101))))
    life = _life(GOOD, policy=policy)
    weights = [each.before.weight for each in life.record.rounds]
    assert weights == list(range(101 - len(weights), 101))
    assert life.record.left_off == 100 - len(weights)


def test_a_round_that_another_machine_decided_is_found() -> None:
    life = _life(GOOD, BAD, GOOD)
    assert all(each.same for each in replay(STEPS, life.record.rounds))
    strict = evolve(STEPS, checks=(evolve(CHECK, bound=Bound(minimum=99.9)),))
    first = next(each for each in replay(strict, life.record.rounds) if not each.same)
    assert first.found is not None
    assert first.found.counts.failed == 1
    more = evolve(STEPS, checks=(CHECK, Check(id="latency")))
    assert next(replay(more, life.record.rounds)).missing == "check latency"


def test_as_now_everybody_answers_as_he_did_last() -> None:
    """At 50 % the check fails: it goes on so, and the rollout is taken back."""
    gate = Hook(id="ask", type=HookType.CONFIRM_PROMOTION)
    policy = evolve(STEPS, checks=(CHECK, Check(id="other", bound=Bound(maximum=1.0))), hooks=(gate,))
    life, best = Life(policy), at_best(policy)
    life.declare(V2)

    def answer(question: Question) -> Answer:
        bad = life.rollout.traffic.canary_weight == 50 and question == MetricQuestion(check="success")
        return BAD if bad else best(question)

    while life.rollout.counts.failed == 0:
        life.once(answer)
    answers = as_now(policy, life.record.rounds)
    assert answers(MetricQuestion(check="success")) == BAD
    assert answers(MetricQuestion(check="other")) == best(MetricQuestion(check="other"))
    asked = HookQuestion(hook="ask", phase=Phase.PROGRESSING, revision=V2, step="weight 50", attempt=0)
    assert answers(asked) == Approved()
    found = forecast(policy, life.rollout, life.seen, answers)
    assert (found.outcome, found.over_s) == (Outcome.CHECKS, life.seen.now_s + policy.interval_s)
    assert as_now(policy, ())(MetricQuestion(check="success")) == best(MetricQuestion(check="success"))


def test_a_gate_that_was_closed_stays_closed_as_now() -> None:
    gate = Hook(id="ask", type=HookType.CONFIRM_TRAFFIC_INCREASE)
    policy = evolve(STEPS, hooks=(gate,))
    life, best = Life(policy), at_best(policy)
    life.declare(V2)
    life.go(lambda question: best(question) if isinstance(question, MetricQuestion) else Refused(), most=9)
    found = forecast(policy, life.rollout, life.seen, as_now(policy, life.record.rounds))
    assert found.over_s is None


SAID: st.SearchStrategy[Any] = st.sampled_from([Approved(), Refused(), Unreachable()])


@pytest.mark.parametrize("found", [GOOD, BAD, NoData(), SourceError(message="down"), Sample(value=math.nan)])
def test_every_kind_of_answer_replays(found: Answer) -> None:
    policy = evolve(STEPS, no_data_threshold=3, error_threshold=3)
    life = _life(found, policy=policy)
    again = list(replay(policy, life.record.rounds))
    assert len(again) >= 2
    assert all(each.same for each in again)


ANSWERS: st.SearchStrategy[Any] = st.one_of(
    st.floats(allow_nan=True).map(lambda value: Sample(value=value)),
    st.builds(Sample, value=st.floats(0, 100), count=st.integers(0, 50)),
    st.builds(NoData),
    st.builds(SourceError, message=st.text(max_size=5)),
)


@given(policies(), st.data())
def test_whatever_the_outside_says_the_record_replays(policy: Policy, data: st.DataObject) -> None:
    """Each round that is kept leads once more to where the rollout went."""
    life = Life(policy)

    def answer(question: Question) -> Answer:
        if isinstance(question, MetricQuestion):
            return data.draw(ANSWERS) if data.draw(st.integers(0, 9)) == 0 else at_best(policy)(question)
        best = at_best(policy)(question)
        if isinstance(best, Approved | Refused) and data.draw(st.integers(0, 9)) == 0:
            said: Answer = data.draw(SAID)
            return said
        return at_best(policy)(question)

    life.declare(V2)
    life.go(answer, most=60)
    rounds = {round_: None for record in life.records for round_ in record.rounds}
    for each in replay(policy, tuple(rounds)):
        assert each.same, each


@given(policies(), rollouts(), observations())
def test_whatever_happens_it_stays_bounded_and_is_of_one_rollout(
    policy: Policy, rollout: Rollout, seen: Observation
) -> None:
    best = at_best(policy)
    while isinstance(decided := step(policy, rollout, seen), Ask):
        told = tuple(Answered(question=each, answer=best(each)) for each in decided.questions)
        seen = evolve(seen, answers=(*seen.answers, *told))
    found = after(Record(), policy, rollout, seen, seen.answers, decided)
    assert (found.now is not None) == (decided.rollout.phase in UNDER_WAY)
    assert all(len(each.check) <= LONGEST for round_ in found.rounds for each in round_.findings)
    assert not any(math.isnan(each.value or 0.0) for round_ in found.rounds for each in round_.findings)
