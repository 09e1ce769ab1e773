"""Exploration finds what it is there to find: machines with a fault put in, each caught by the invariant it breaks."""

from collections.abc import Callable
from typing import TypeAlias

import pytest
from attrs import evolve

from canary_core import (
    Answered,
    Ask,
    Bound,
    Check,
    MetricQuestion,
    NoData,
    Observation,
    Phase,
    Policy,
    Progressive,
    Rollout,
    Sample,
    ScaleCanary,
    SetTraffic,
    Step,
    Traffic,
    step,
)
from canary_sims.harness import explore

Machine: TypeAlias = Callable[[Policy, Rollout, Observation], "Ask | Step"]

POLICY = Policy(
    strategy=Progressive(weights=(10, 50)),
    threshold=2,
    checks=(Check(id="success", bound=Bound(minimum=99)),),
    interval_s=1.0,
    progress_deadline_s=2.0,
)


def scales_down_first(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A rollback takes the pods before the traffic."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout.phase is Phase.FAILED and rollout.phase is Phase.PROGRESSING:
        return evolve(found, decisions=(ScaleCanary(replicas=0), *found.decisions))
    return found


def promotes_on_failed_checks(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What fails counts as passed once the last weight is reached."""
    if rollout.traffic.canary_weight == 50 and rollout.phase is Phase.PROGRESSING:
        good = [evolve(each, answer=Sample(value=99.0)) if _metric(each) else each for each in seen.answers]
        seen = evolve(seen, answers=tuple(good))
    return step(policy, rollout, seen)


def takes_no_data_for_good(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A source that has no value says that all is well."""
    good = [
        evolve(each, answer=Sample(value=99.0)) if isinstance(each.answer, NoData) else each for each in seen.answers
    ]
    return step(policy, rollout, evolve(seen, answers=tuple(good)))


def _metric(answered: Answered) -> bool:
    return isinstance(answered.question, MetricQuestion)


def forgets_failures(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """The budget is never used up."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout.phase is Phase.PROGRESSING:
        counts = evolve(found.rollout.counts, failed=min(1, found.rollout.counts.failed))
        return evolve(found, rollout=evolve(found.rollout, counts=counts))
    return found


def does_not_wait(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A weight is judged before it has been in force for an interval."""
    if rollout.phase is not Phase.PROGRESSING or not rollout.started:
        return step(policy, rollout, seen)
    earlier = step(policy, evolve(rollout, since_s=rollout.since_s - policy.interval_s), seen)
    if isinstance(earlier, Step) and earlier.rollout.traffic == rollout.traffic:
        return step(policy, rollout, seen)
    return earlier


def trusts_its_writes(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What is stored is taken for what is in force."""
    if rollout.phase is Phase.PROGRESSING and seen.routes is not None:
        return step(policy, rollout, evolve(seen, routes=rollout.traffic))
    return step(policy, rollout, seen)


def routes_to_the_unready(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """The first weight does not wait for the canary's pods."""
    found = step(policy, rollout, seen)
    starting = seen.canary is not None and seen.canary.replicas > 0 and seen.canary.available == 0
    if isinstance(found, Step) and found.rollout.phase is Phase.PROGRESSING and starting:
        first = Traffic(canary_weight=10)
        after = evolve(found.rollout, traffic=first)
        return evolve(found, rollout=after, decisions=(SetTraffic(traffic=first),))
    return found


def overshoots(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """The last weight is more than was declared."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout.traffic.canary_weight == 50:
        more = Traffic(canary_weight=60)
        decisions = tuple(SetTraffic(traffic=more) if isinstance(d, SetTraffic) else d for d in found.decisions)
        return evolve(found, rollout=evolve(found.rollout, traffic=more), decisions=decisions)
    return found


def returns_traffic_too_soon(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """Promotion does not wait for the primary to be ready on the new revision."""
    if rollout.phase is Phase.PROMOTING and seen.primary is not None and seen.primary.available:
        ready = evolve(seen.primary, updated=2, total=2, available=2, replicas=2)
        return step(policy, rollout, evolve(seen, primary=ready))
    return step(policy, rollout, seen)


def never_gives_up(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """Finalising is never left."""
    found = step(policy, rollout, seen)
    if rollout.phase is Phase.FINALISING and isinstance(found, Step) and found.rollout.phase is Phase.SUCCEEDED:
        return Step(rollout=rollout, reason=found.reason, next_s=seen.now_s + policy.interval_s)
    return found


def spins(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """It wants to be called again at once, for ever."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout.phase is Phase.INITIALIZED:
        return evolve(found, next_s=seen.now_s)
    return found


def is_restless(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """It asks for metrics although nothing is going on."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and rollout == found.rollout and rollout.phase is Phase.INITIALIZED and not seen.answers:
        return Ask(questions=(MetricQuestion(check="success"),))
    return found


def does_not_go_by_the_store(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """It acts on a split that it has not stored."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step):
        lower = tuple(
            SetTraffic(traffic=Traffic(canary_weight=5))
            if isinstance(d, SetTraffic) and d.traffic.canary_weight == 10
            else d
            for d in found.decisions
        )
        return evolve(found, decisions=lower)
    return found


def raises(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """It has no answer to a canary that gives up."""
    if seen.canary is not None and seen.canary.stalled:
        raise KeyError("stalled")
    return step(policy, rollout, seen)


def leaves_the_primary_as_somebody_edited_it(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What the primary runs is known by what was written to it."""
    primary = seen.primary
    return step(policy, rollout, seen if primary is None else evolve(seen, primary=evolve(primary, edited=False)))


MUTANTS: list[tuple[Machine, str]] = [
    (scales_down_first, "invariant 7"),
    (promotes_on_failed_checks, "invariant 6"),
    (takes_no_data_for_good, "invariant 4"),
    (forgets_failures, "invariant 6"),
    (does_not_wait, "invariant 4"),
    (routes_to_the_unready, "invariant 2"),
    (overshoots, "invariant 3"),
    (returns_traffic_too_soon, "invariant 7"),
    (never_gives_up, "invariant 8"),
    (spins, "the tick does not end"),
    (is_restless, "invariant 10"),
    (does_not_go_by_the_store, "invariant 9"),
    (raises, "step raises KeyError"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "expected"), MUTANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_machine_is_caught(mutant: Machine, expected: str) -> None:
    """By the invariant that the fault breaks, with a way there that can be read."""
    found = explore(POLICY, machine=mutant, interference=0)
    assert not found.holds
    first = found.counterexamples[0]
    assert any(expected in message for message in first.broken), str(first)
    assert 2 <= len(first.path) < 40


@pytest.mark.slow
def test_trusting_ones_writes_is_caught_by_a_crash() -> None:
    """The classic: only a driver that dies between two writes shows it."""
    assert explore(POLICY, machine=trusts_its_writes, interference=0).holds
    found = explore(POLICY, machine=trusts_its_writes, people=False)
    assert not found.holds


@pytest.mark.slow
def test_a_primary_that_stays_as_somebody_edited_it_is_caught() -> None:
    """Its pods never become ready, and so no other revision is ever rolled out."""
    small = Policy(strategy=Progressive(weights=(50,)), skip_analysis=False)
    found = explore(small, machine=leaves_the_primary_as_somebody_edited_it)
    assert not found.holds
    first = found.counterexamples[0]
    assert any("invariant 8" in message for message in first.broken), str(first)
    assert "the primary's template is edited by hand" in str(first)


def test_the_shortest_way_is_told() -> None:
    """Move by move, from the first observation on."""
    found = explore(POLICY, machine=spins, interference=0)
    assert [line[5:] for line in str(found.counterexamples[0]).splitlines()[1:]] == [
        "a target that runs",
        "from here on the world behaves",
        "an interval passes: Initializing, 0 %",
        "an interval passes: Initialized, 0 %",
    ]
