"""Running the machine forward: what is foretold is what comes, for every policy and from every state."""

from __future__ import annotations

import math
from typing import Any

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from canary_adapters.manifests import shortest_s
from canary_core import (
    Answer,
    Answers,
    Approved,
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    MetricQuestion,
    NoData,
    Observation,
    Obstacle,
    Outcome,
    Phase,
    Policy,
    Progressive,
    Question,
    Refused,
    Request,
    Rollout,
    Sample,
    Traffic,
    Verb,
    Verdict,
    Workload,
    as_recorded,
    at_best,
    at_worst,
    forecast,
    judge,
)
from canary_sims.harness.strategies import observations, policies, rollouts

V1, V2 = "v1:1", "v1:2"
START_S = 1_000_000.0
SETTLED = Rollout(phase=Phase.SUCCEEDED, applied=V1, promoted=V1, outcome=Outcome.COMPLETED, replicas=2)
CHECK = Check(id="success", kind=CheckKind.SUCCESS_RATE, bound=Bound(minimum=99.0), min_samples=10)
STEPS = Policy(strategy=Progressive(weights=(10, 50)), checks=(CHECK,), interval_s=60.0, threshold=2)


def _pods(revision: str, count: int) -> Workload:
    return Workload(revision=revision, replicas=count, updated=count, total=count, available=count)


def _seen(**changes: Any) -> Observation:
    """A new revision was declared, and nobody has done anything about it."""
    now = Observation(now_s=START_S, canary=_pods(V2, 0), primary=_pods(V1, 2), routes=Traffic())
    return evolve(now, **changes)


def _answers(policy: Policy, found: Answer) -> Answers:
    """Each metric has the same answer; all else is at best."""
    best = at_best(policy)
    return lambda question: found if isinstance(question, MetricQuestion) else best(question)


def test_at_best_the_ladder_is_climbed_and_the_revision_promoted() -> None:
    found = forecast(STEPS, SETTLED, _seen(), at_best(STEPS))
    weights = [stage.traffic.canary_weight for stage in found.stages if stage.phase is Phase.PROGRESSING]
    assert weights == [0, 10, 50]
    assert found.outcome is Outcome.COMPLETED
    assert found.stages[-1].phase is Phase.SUCCEEDED
    assert found.over_s == found.stages[-1].at_s


@given(policies())
def test_at_best_it_takes_what_is_said_of_the_policy_alone(policy: Policy) -> None:
    """`canary validate` counts intervals; here the machine takes them."""
    plain = evolve(policy, suspend=False, drain_s=0.0, skip_analysis=False)
    found = forecast(plain, SETTLED, _seen(), at_best(plain))
    assert found.outcome is Outcome.COMPLETED
    assert found.over_s is not None
    assert math.isclose(found.over_s - START_S, shortest_s(plain))


def test_checks_that_go_on_failing_end_it_at_their_budget() -> None:
    found = forecast(STEPS, SETTLED, _seen(), _answers(STEPS, Sample(value=50.0, count=100)))
    assert found.outcome is Outcome.CHECKS
    assert found.stages[-1].phase is Phase.FAILED
    assert max(stage.traffic.canary_weight for stage in found.stages) == 10


@given(st.none() | st.floats(-1e300, 1e300), st.none() | st.floats(-1e300, 1e300), st.none() | st.integers(1, 1000))
def test_at_best_each_check_passes_and_at_worst_each_fails_that_can(
    low: float | None, high: float | None, samples: int | None
) -> None:
    """However large a bound is."""
    assume(low is None or high is None or low <= high)
    check = evolve(CHECK, kind=CheckKind.VALUE, bound=Bound(minimum=low, maximum=high), min_samples=samples)
    policy = evolve(STEPS, checks=(check,))
    question = MetricQuestion(check=check.id)
    best, worst = at_best(policy)(question), at_worst(policy)(question)
    assert isinstance(best, Sample)
    assert isinstance(worst, Sample)
    assert judge(check, best) is Verdict.PASS
    assert (judge(check, worst) is Verdict.PASS) is (low is None and high is None)


def test_at_worst_a_rollout_is_rolled_back_and_hooks_say_what_they_say_at_best() -> None:
    hooked = evolve(STEPS, hooks=(Hook(id="stop", type=HookType.ROLLBACK), Hook(id="go", type=HookType.PRE_ROLLOUT)))
    assert forecast(hooked, SETTLED, _seen(), at_worst(hooked)).outcome is Outcome.CHECKS


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in Phase.settled()])
def test_from_its_record_alone_a_rollout_goes_on_to_an_end(phase: Phase) -> None:
    """The outside is what the record wants it to be, in every phase in which something is under way."""
    weight = 10 if phase in {Phase.PROGRESSING, Phase.PROMOTING} else 0
    under_way = evolve(
        SETTLED,
        phase=phase,
        traffic=Traffic(canary_weight=weight),
        applied=None if phase is Phase.INITIALIZING else V1 if phase is Phase.WAITING else V2,
        promoted=None if phase is Phase.INITIALIZING else V1,
        outcome=None,
        since_s=START_S,
        changed_s=START_S,
    )
    found = forecast(STEPS, under_way, as_recorded(under_way, START_S), at_best(STEPS))
    ends = {Phase.INITIALIZING: Phase.INITIALIZED, Phase.TERMINATING: Phase.TERMINATED}
    assert found.over_s is not None
    assert found.stages[-1].phase is ends.get(phase, Phase.SUCCEEDED)


def test_what_is_recorded_to_be_in_the_way_is_in_the_way() -> None:
    in_the_way = Obstacle(reason="InvalidSpec", message="spec")
    waiting = evolve(SETTLED, phase=Phase.WAITING, obstacle=in_the_way)
    assert as_recorded(waiting, START_S).obstacles == (in_the_way,)


def test_without_data_it_ends_as_well() -> None:
    assert forecast(STEPS, SETTLED, _seen(), _answers(STEPS, NoData())).outcome is Outcome.CHECKS


@pytest.mark.parametrize("kind", [HookType.CONFIRM_ROLLOUT, HookType.CONFIRM_PROMOTION])
def test_a_gate_that_stays_closed_has_no_end_and_one_with_a_deadline_has(kind: HookType) -> None:
    gated = evolve(STEPS, hooks=(Hook(id="gate", type=kind),))
    best = at_best(gated)

    def closed(question: Question) -> Answer:
        answer = best(question)
        return Refused() if isinstance(answer, Approved) else answer

    assert forecast(gated, SETTLED, _seen(), closed).over_s is None
    limited = evolve(gated, approval_deadline_s=600.0)
    assert forecast(limited, SETTLED, _seen(), closed).outcome is Outcome.APPROVAL
    assert forecast(gated, SETTLED, _seen(), best).outcome is Outcome.COMPLETED


def test_a_rollback_hook_does_not_ask_for_one_at_best() -> None:
    hooked = evolve(STEPS, hooks=(Hook(id="stop", type=HookType.ROLLBACK),))
    assert forecast(hooked, SETTLED, _seen(), at_best(hooked)).outcome is Outcome.COMPLETED


def test_pods_that_stay_unready_end_it_at_the_deadline_unless_they_are_obliging() -> None:
    seen = _seen(canary=evolve(_pods(V2, 2), available=0, unavailable_since_s=START_S))
    started = evolve(SETTLED, phase=Phase.PROGRESSING, applied=V2, changed_s=START_S, since_s=START_S, outcome=None)
    assert forecast(STEPS, started, seen, at_best(STEPS)).outcome is Outcome.COMPLETED
    assert forecast(STEPS, started, seen, at_best(STEPS), obliging=False).outcome is Outcome.DEADLINE


def test_what_is_paused_or_obstructed_waits_for_somebody() -> None:
    assert forecast(STEPS, evolve(SETTLED, paused=True), _seen(), at_best(STEPS)).over_s is None
    in_the_way = (Obstacle(reason="InvalidSpec", message="spec"),)
    found = forecast(STEPS, SETTLED, _seen(obstacles=in_the_way), at_best(STEPS))
    assert {stage.phase for stage in found.stages} == {Phase.SUCCEEDED}


def test_a_request_that_nobody_has_dealt_with_is_obeyed() -> None:
    started = evolve(SETTLED, phase=Phase.PROGRESSING, applied=V2, changed_s=START_S, since_s=START_S, outcome=None)
    seen = _seen(canary=_pods(V2, 2), request=Request(id="r1", verb=Verb.ABORT))
    assert forecast(STEPS, started, seen, at_best(STEPS)).outcome is Outcome.ABORTED


def test_a_first_primary_is_made_and_an_object_that_is_deleted_goes() -> None:
    first = Observation(now_s=START_S, canary=_pods(V1, 2))
    assert forecast(STEPS, Rollout(), first, at_best(STEPS)).stages[-1].phase is Phase.INITIALIZED
    reverted = evolve(STEPS, revert_on_deletion=True)
    gone = forecast(reverted, SETTLED, _seen(canary=_pods(V1, 0), deleting=True), at_best(reverted))
    assert gone.over_s is not None
    assert gone.stages[-1].phase is Phase.TERMINATED


def test_nothing_new_is_over_at_once() -> None:
    found = forecast(STEPS, SETTLED, _seen(canary=_pods(V1, 0)), at_best(STEPS))
    assert (len(found.stages), found.over_s) == (1, START_S)


@given(policy=policies(), rollout=rollouts(), seen=observations(), obliging=st.booleans())
def test_every_state_has_a_forecast_whose_times_rise(
    policy: Policy, rollout: Rollout, seen: Observation, *, obliging: bool
) -> None:
    found = forecast(policy, rollout, seen, at_best(policy), obliging=obliging)
    times = [stage.at_s for stage in found.stages]
    assert times == sorted(times)
    assert found.over_s in {None, times[-1]}
    assert found == forecast(policy, rollout, seen, at_best(policy), obliging=obliging)


@pytest.mark.parametrize(
    "primary",
    [
        None,
        evolve(_pods(V1, 2), rigid=True),
        evolve(_pods(V1, 2), edited=True, available=0, stalled=True),
        _pods(V1, 0),
        evolve(_pods(V1, 2), floor=2),
    ],
    ids=["gone", "to be made anew", "edited", "scaled to 0", "with an autoscaler"],
)
def test_whatever_became_of_the_primary_it_comes_back(primary: Workload | None) -> None:
    seen = _seen(primary=primary, kept=frozenset({V1}), former=True)
    found = forecast(STEPS, SETTLED, seen, at_best(STEPS), obliging=False)
    assert found.outcome is Outcome.COMPLETED
    assert found.stages[-1].traffic == Traffic()
