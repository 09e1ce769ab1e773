"""Stories: what a campaign lets happen to a policy, one for each way in which a rollout may go and end.

The moments of a story (in the middle of the analysis, during the promotion) are taken from a run in which nothing goes
wrong, so that they are right for any policy.
"""

import math
from collections.abc import Callable, Iterator
from typing import Final

from attrs import evolve, frozen

from canary_core import ABTest, BlueGreen, HookType, Phase, Policy, Progressive, Strategy, Verb
from canary_sims.harness.faults.enumeration import GATES
from canary_sims.scenario import (
    HEALTHY,
    Answer,
    AnswerHook,
    Behaviour,
    ChangeCanary,
    ChangePrimary,
    Declare,
    Delete,
    EditRoutes,
    Event,
    Happening,
    MakeRequest,
    Metrics,
    Scale,
    Scenario,
    SetMetrics,
    SetRate,
)
from canary_sims.simulation import Run, TickRecord, simulate
from canary_sims.world import Autoscaler

__all__ = ["Story", "shortened", "stories"]

_BAD: Final = Behaviour(error_rate=1.0)
_NEVER: Final = Behaviour(ready_after_s=math.inf)
_BEFORE_A_TICK_S: Final = 5.0


@frozen(kw_only=True)
class Story:
    """A policy, and what happens to a service under it."""

    name: str
    policy: Policy
    scenario: Scenario

    @property
    def steady(self) -> bool:
        """Whether it ends in the same way if all takes longer: nothing happens in its course."""
        return all(event.at_s == 0.0 for event in self.scenario.events)


def shortened(policy: Policy) -> Policy:
    """A policy of the same shape that needs few ticks: two steps, two iterations, deadlines of five intervals.

    Unlike `canary_sims.harness.abstracted` it keeps real numbers, so that a service can be simulated under it.
    """
    step = policy.promotion_step
    return evolve(
        policy,
        strategy=_shorter(policy.strategy),
        threshold=min(policy.threshold, 3),
        promotion_step=None if step is None else max(step, 50),
        progress_deadline_s=min(policy.progress_deadline_s, 5 * policy.interval_s),
    )


def _shorter(strategy: Strategy) -> Strategy:
    match strategy:
        case Progressive(weights=weights):
            return evolve(strategy, weights=tuple(dict.fromkeys((weights[0], weights[-1]))))
        case ABTest(iterations=iterations) | BlueGreen(iterations=iterations):
            return evolve(strategy, iterations=min(2, iterations))


def stories(policy: Policy) -> tuple[Story, ...]:
    """All that make sense for a policy."""
    found = [*_rollouts(policy), *_gated(policy), *_beginnings(), *_autoscaled(policy)]
    return tuple(
        Story(name=name, policy=policy, scenario=evolve(scenario, description=name.capitalize() + "."))
        for name, scenario in found
    )


def _beginnings() -> Iterator[tuple[str, Scenario]]:
    yield "a first primary", Scenario(initialized=False)
    yield (
        "a first primary that never becomes ready",
        Scenario(initialized=False, events=_at(0.0, ChangePrimary(ready_after_s=math.inf))),
    )
    yield "an idle canary is deleted", Scenario(events=_at(30.0, Delete()))
    yield "an idle target is scaled up by hand", Scenario(events=_at(90.0, Scale(replicas=3)))


def _rollouts(policy: Policy) -> Iterator[tuple[str, Scenario]]:
    calm = simulate(policy, HEALTHY)
    middle = _moment(calm, lambda tick: tick.phase is Phase.PROGRESSING and tick.rollout.started)
    promotion = _moment(calm, lambda tick: tick.phase in {Phase.PROMOTING, Phase.FINALISING})
    yield "a good revision", HEALTHY
    yield "a revision that fails", _declared(behaviour=_BAD)
    yield "a revision that is never ready", _declared(behaviour=_NEVER)
    failed = _moment(simulate(policy, _declared(behaviour=_BAD)), lambda tick: tick.phase is Phase.FAILED)
    yield "a newer revision after one that failed", _declared(*_at(failed, Declare(revision="v3")), behaviour=_BAD)
    for name, at_s, what in (
        ("a newer revision during the analysis", middle, Declare(revision="v3")),
        ("a newer revision during the promotion", promotion, Declare(revision="v3")),
        ("the old revision again during the analysis", middle, Declare(revision="v1")),
        ("the old revision again during the promotion", promotion, Declare(revision="v1")),
        ("a canary that crashes during the analysis", middle, ChangeCanary(crash=True)),
        ("a primary that crashes for good during the promotion", promotion, ChangePrimary(crash=True)),
        ("a primary that does not start during the promotion", middle, ChangePrimary(ready_after_s=math.inf)),
        ("routes edited by hand during the analysis", middle, EditRoutes(canary_weight=70)),
        ("a target scaled to nothing by hand during the analysis", middle, Scale(replicas=0)),
        ("a canary object deleted during the analysis", middle, Delete()),
        ("a canary object deleted during the promotion", promotion, Delete()),
        ("a person aborts the analysis", middle, MakeRequest(verb=Verb.ABORT)),
        ("a person promotes at once", middle, MakeRequest(verb=Verb.PROMOTE)),
    ):
        yield name, _declared(*_at(at_s, what))
    crash = (ChangePrimary(crash=True), ChangePrimary(crash=False))
    held = (MakeRequest(verb=Verb.PAUSE), MakeRequest(verb=Verb.RESUME))
    long = policy.progress_deadline_s / policy.interval_s + 3
    for name, at_s, intervals, there_and_back in (
        ("metrics that are down for two intervals", middle, 2, _metrics(Metrics.DOWN)),
        ("metrics without data for two intervals", middle, 2, _metrics(Metrics.SILENT)),
        ("a person pauses for two intervals", middle, 2, held),
        ("a primary that crashes during the analysis", middle, 2, crash),
        ("a primary that crashes during the analysis, for long", middle, long, crash),
        ("a primary that crashes during the promotion", promotion, 2, crash),
        ("a primary that crashes during the promotion, for long", promotion, long, crash),
    ):
        yield name, _declared(*_for(policy, at_s, intervals, there_and_back))


def _autoscaled(policy: Policy) -> Iterator[tuple[str, Scenario]]:
    """Five pods are needed, two are kept in any case, and idle ones go within half an interval."""
    scaler = Autoscaler(fewest=2, most=20, per_pod=HEALTHY.rate / 5, window_s=policy.interval_s / 2)
    calm = simulate(policy, evolve(HEALTHY, autoscaler=scaler))
    middle = _moment(calm, lambda tick: tick.phase is Phase.PROGRESSING and tick.rollout.started)
    promotion = _moment(calm, lambda tick: tick.phase in {Phase.PROMOTING, Phase.FINALISING})
    by_hand = middle + policy.interval_s / 2 - _BEFORE_A_TICK_S
    lost = (ChangePrimary(crash=True), ChangePrimary(crash=False))
    long = policy.progress_deadline_s / policy.interval_s + 3
    for name, scenario in (
        ("a good revision", HEALTHY),
        ("a revision that fails", _declared(behaviour=_BAD)),
        ("a newer revision during the analysis", _declared(*_at(middle, Declare(revision="v3")))),
        ("three times the users during the analysis", _declared(*_at(middle, SetRate(rate=3 * HEALTHY.rate)))),
        ("a primary scaled down by hand during the analysis", _declared(*_at(by_hand, ChangePrimary(replicas=1)))),
        ("a primary that crashes during the promotion, for long", _declared(*_for(policy, promotion, long, lost))),
    ):
        yield f"{name}, with an autoscaler", evolve(scenario, autoscaler=scaler)


def _gated(policy: Policy) -> Iterator[tuple[str, Scenario]]:
    for hook in policy.hooks:
        if hook.type in GATES:
            shut = (AnswerHook(name=hook.id, answer=Answer.REFUSE), AnswerHook(name=hook.id, answer=Answer.APPROVE))
            late_s = 8 * policy.interval_s
            events = (*_at(0.0, shut[0]), *_at(late_s, shut[1]))
            yield f"a {hook.type.value} gate that opens late", evolve(HEALTHY, events=(*events, *HEALTHY.events))
        if hook.type is HookType.CONFIRM_PROMOTION:
            bad = _at(8.5 * policy.interval_s, ChangeCanary(behaviour=_BAD))
            never = (*_at(0.0, AnswerHook(name=hook.id, answer=Answer.REFUSE)), *bad)
            yield "a canary that begins to fail before a closed gate", _declared(*never)
        if hook.type is HookType.ROLLBACK:
            stop = AnswerHook(name=hook.id, answer=Answer.APPROVE)
            yield "a rollback hook that calls back", _declared(*_at(3.5 * policy.interval_s, stop))


def _metrics(state: Metrics) -> tuple[Happening, Happening]:
    return SetMetrics(state=state), SetMetrics(state=Metrics.UP)


def _at(at_s: float, what: Happening) -> tuple[Event, ...]:
    return (Event(at_s=at_s, what=what),)


def _for(policy: Policy, at_s: float, intervals: float, what: tuple[Happening, Happening]) -> tuple[Event, ...]:
    return (*_at(at_s, what[0]), *_at(at_s + intervals * policy.interval_s, what[1]))


def _declared(*events: Event, behaviour: Behaviour | None = None) -> Scenario:
    what = Declare(revision="v2") if behaviour is None else Declare(revision="v2", behaviour=behaviour)
    return Scenario(events=(Event(at_s=0.0, what=what), *events))


def _moment(calm: Run, when: Callable[[TickRecord], bool]) -> float:
    """Half an interval after the first tick of that sort; of one that never comes, after the first of all."""
    found = next((tick for tick in calm.ticks if when(tick)), calm.ticks[0])
    return found.time_s + calm.policy.interval_s / 2
