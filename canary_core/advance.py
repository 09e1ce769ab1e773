"""The next step of a strategy, once the one before it was judged well: another weight, another iteration, promotion."""

from bisect import bisect_right
from typing import assert_never

from canary_core.decisions import Step
from canary_core.gates import Closed, ask_in_turn, awaited, passed, still_closed
from canary_core.notices import (
    IterationAdvanced,
    Notice,
    Paused,
    PromotionStarted,
    TrafficSwitched,
    WeightAdvanced,
)
from canary_core.phases import Phase
from canary_core.policy import ABTest, BlueGreen, HookType, Progressive
from canary_core.questions import Ask
from canary_core.rollout import KnownGood, Wait, Waiting
from canary_core.situation import Situation
from canary_core.split import split_for
from canary_core.traffic import Traffic

__all__ = ["advance", "promote"]


def advance(at: Situation, told: tuple[Notice, ...] = ()) -> Ask | Step:
    """Take the next step, if nobody holds it up.

    Args:
        at: A rollout whose present step has passed.
        told: What is to be told besides.
    """
    if at.rollout.paused:
        return at.again(Paused(), *told)
    strategy = at.policy.strategy
    match strategy:
        case Progressive():
            return _next_weight(at, strategy, told)
        case ABTest():
            return _next_ab_iteration(at, strategy, told)
        case BlueGreen():
            return _next_blue_green_iteration(at, strategy, told)
        case _:
            assert_never(strategy)


def _next_weight(at: Situation, strategy: Progressive, told: tuple[Notice, ...]) -> Ask | Step:
    """Mirror first, if declared; then the smallest declared weight above the present one; after the last, promote."""
    now = at.rollout.traffic
    mirror = strategy.mirror is not None and not now.reaches_canary
    passed_by = bisect_right(strategy.weights, now.canary_weight)
    if passed_by == len(strategy.weights):
        return _promote_with_approval(at)
    gate = ask_in_turn(at, HookType.CONFIRM_TRAFFIC_INCREASE)
    if isinstance(gate, Ask):
        return gate
    if isinstance(gate, Closed):
        return _await_traffic_increase(at, gate, told)
    weight = 0 if mirror else strategy.weights[passed_by]
    reason = WeightAdvanced(weight=weight, mirrored=mirror)
    traffic = split_for(at.policy, at.rollout, weight, at.seen.now_s, mirrored=mirror)
    return _measure(at, traffic, at.rollout.iterations, reason, (*told, *passed(gate), reason))


def _next_ab_iteration(at: Situation, strategy: ABTest, told: tuple[Notice, ...]) -> Ask | Step:
    if at.rollout.iterations >= strategy.iterations or at.rollout.traffic.leaves_primary_nothing:
        return _promote_with_approval(at)
    return _iterate(at, strategy.iterations, split_for(at.policy, at.rollout, 100, at.seen.now_s), told)


def _next_blue_green_iteration(at: Situation, strategy: BlueGreen, told: tuple[Notice, ...]) -> Ask | Step:
    """All iterations beside the primary; then one with all traffic on the canary; then promote."""
    done, wanted, now_s = at.rollout.iterations, strategy.iterations, at.seen.now_s
    if done < wanted and not at.rollout.traffic.leaves_primary_nothing:
        mirrored = strategy.mirror is not None
        return _iterate(at, wanted, split_for(at.policy, at.rollout, 0, now_s, mirrored=mirrored), told)
    if done > wanted or at.rollout.traffic.leaves_primary_nothing:
        return _promote_with_approval(at)
    gate = ask_in_turn(at, HookType.CONFIRM_PROMOTION)
    if isinstance(gate, Ask):
        return gate
    if isinstance(gate, Closed):
        return _await_promotion(at, gate)
    reason = TrafficSwitched(mirrored=at.rollout.traffic.mirrored)
    traffic = split_for(at.policy, at.rollout, 100 if strategy.shift else 0, now_s)
    switched: tuple[Notice, ...] = (reason,) if strategy.shift else ()
    return _measure(at, traffic, wanted + 1, reason, (*passed(gate), *switched))


def _iterate(at: Situation, iterations: int, traffic: Traffic, told: tuple[Notice, ...]) -> Step:
    done = at.rollout.iterations + 1
    reason = IterationAdvanced(iteration=done, iterations=iterations)
    return _measure(at, traffic, done, reason, (*told, reason))


def _measure(at: Situation, traffic: Traffic, iterations: int, reason: Notice, told: tuple[Notice, ...]) -> Step:
    """Put a split in force and measure it for an interval from now."""
    return at.again(reason, *told, traffic=traffic, iterations=iterations, attempt=0)


def _await_traffic_increase(at: Situation, gate: Closed, told: tuple[Notice, ...]) -> Step:
    """Stay at this weight. Told once; the clock of the wait runs on while the gate is asked again and again."""
    waiting = at.rollout.waiting
    if waiting is not None and waiting.on is Wait.APPROVAL:
        return at.again(still_closed(gate), waiting=waiting)
    reason = awaited(gate)
    return at.again(reason, *told, reason, waiting=Waiting(on=Wait.APPROVAL, since_s=at.seen.now_s))


def _await_promotion(at: Situation, gate: Closed) -> Step:
    """Wait for the promotion to be approved, where the traffic is. It goes on being judged."""
    if at.rollout.phase is Phase.WAITING_PROMOTION:
        return at.again(still_closed(gate))
    reason = awaited(gate)
    attempt = at.rollout.attempt + 1
    after = at.entering(Phase.WAITING_PROMOTION, attempt=attempt)
    return at.go(after, reason, reason, next_s=at.seen.now_s + at.policy.interval_s)


def _promote_with_approval(at: Situation) -> Ask | Step:
    gate = ask_in_turn(at, HookType.CONFIRM_PROMOTION)
    if isinstance(gate, Ask):
        return gate
    if isinstance(gate, Closed):
        return _await_promotion(at, gate)
    return promote(at, passed(gate))


def promote(at: Situation, told: tuple[Notice, ...] = (), *, skipped: bool = False) -> Step:
    """Have the primary take over the canary's revision. From here on the canary is what is known to be good."""
    reason = PromotionStarted()
    after = at.entering(Phase.PROMOTING, known_good=KnownGood.CANARY, skipped=skipped, started=True)
    rigid = at.seen.primary is not None and at.seen.primary.rigid
    return at.go(after, reason, *told, reason, next_s=None if rigid else at.seen.now_s + at.policy.interval_s)
