"""Promoting and Finalising: the primary takes over the new revision, then the traffic; the canary is scaled down."""

from canary_core.capacity import pods_needed
from canary_core.decisions import Step
from canary_core.desired import difference, drained_s
from canary_core.ending import fail_promotion, roll_back
from canary_core.notices import (
    CanaryLost,
    Cancelled,
    Draining,
    Notice,
    PrimaryNotReady,
    PrimaryRecovered,
    PrimaryRemade,
    PrimaryWeightAdvanced,
    Promoted,
    TrafficReturned,
)
from canary_core.phases import Phase
from canary_core.progress import correct_routes, restart
from canary_core.questions import Ask
from canary_core.rescue import give_to_canary, without_canary
from canary_core.rollout import Counts, KnownGood, Outcome, Wait
from canary_core.situation import Situation, corrections
from canary_core.split import everything_to_canary, everything_to_primary, split_for
from canary_core.workload import Readiness, Unready

__all__ = ["finalise", "promoting"]


def promoting(at: Situation) -> Ask | Step:
    """Wait for the primary to be ready on the new revision, then give it the traffic, at once or in steps."""
    primary = at.seen.primary
    arrived = primary is not None and primary.revision == at.rollout.applied
    edited = primary is not None and primary.edited
    replaced = at.revision is not None and at.revision != at.rollout.applied
    if replaced and not arrived:
        return restart(at)
    canary_is_lost = replaced or not at.canary_can_serve
    if arrived and canary_is_lost and at.primary_can_serve:
        return _return_traffic(at)
    if not arrived and at.is_overdue:
        return _give_up(at)
    if not arrived and canary_is_lost and at.primary_can_serve and at.rollout.traffic.reaches_canary:
        return _analyse_again(at)
    rescued = give_to_canary(at) or (_make_way(at) if not arrived else None)
    if rescued is not None:
        return rescued
    correction = correct_routes(at)
    if correction is not None:
        return correction
    found = at.primary_readiness()
    if found.ready and arrived and not edited:
        return _give_back(at)
    if not found.retriable:
        return fail_promotion(at, found)
    return at.wait(Wait.PRIMARY, PrimaryNotReady(readiness=found))


def _analyse_again(at: Situation) -> Step:
    """The canary is lost before the primary was touched: its share goes back until it can serve, measured anew."""
    reason = CanaryLost(readiness=at.canary_readiness())
    entered = at.entering(Phase.PROGRESSING, known_good=KnownGood.PRIMARY, started=False)
    return at.go(without_canary(at, entered), reason, reason, next_s=at.seen.now_s + at.policy.interval_s)


def _make_way(at: Situation) -> Step | None:
    """A primary that has to be made anew gives all its traffic to the canary first; from then on its time counts."""
    primary = at.seen.primary
    if primary is None or not primary.rigid or at.rollout.traffic.leaves_primary_nothing or not at.canary_can_serve:
        return None
    reason = PrimaryRemade()
    after = at.changed(traffic=everything_to_canary(at.rollout), changed_s=at.seen.now_s)
    return at.go(after, reason, reason, next_s=at.seen.now_s + at.policy.interval_s)


def _give_up(at: Situation) -> Step:
    """The primary could not be changed in time: go back to what it runs, if that can serve."""
    found = Readiness(cause=Unready.OUTDATED, retriable=False)
    if at.primary_can_serve:
        return roll_back(at, Outcome.DEADLINE, PrimaryNotReady(readiness=found))
    return fail_promotion(at, found)


def _give_back(at: Situation) -> Step:
    """The first step back is taken as soon as the primary is ready, every other one after an interval."""
    rollout = at.rollout
    step = at.policy.promotion_step
    left = 0 if step is None else rollout.traffic.canary_weight - step
    if rollout.attempt and not at.is_due:
        return at.hold(Draining(until_s=at.due_s), next_s=at.due_s)
    if _needs_more(at):
        return at.go(at.changed(replicas=pods_needed(at.rollout, at.seen)), PrimaryNotReady(readiness=_too_few(at)))
    if _lacks_pods(at):
        return at.wait(Wait.PRIMARY, PrimaryNotReady(readiness=_too_few(at)))
    if left <= 0:
        return _return_traffic(at)
    reason = PrimaryWeightAdvanced(weight=100 - left)
    return at.again(reason, reason, traffic=split_for(at.policy, rollout, left, at.seen.now_s))


def _needs_more(at: Situation) -> bool:
    """Whether the canary has come to need more pods since it was decided at how many the primary is held."""
    primary = at.seen.primary
    scaled = primary is not None and primary.floor is not None
    return scaled and not at.is_overdue and pods_needed(at.rollout, at.seen) > at.rollout.replicas


def _lacks_pods(at: Situation) -> bool:
    """Whether its autoscaler is still to bring the primary to what it is held at; not waited for without end."""
    primary = at.seen.primary
    if primary is None or primary.floor is None:
        return False
    return primary.replicas < primary.floor and not at.is_overdue


def _too_few(at: Situation) -> Readiness:
    primary = at.seen.primary
    have, want = (0, 0) if primary is None else (primary.replicas, primary.floor or 0)
    return Readiness(cause=Unready.UPDATING, have=have, want=want)


def _return_traffic(at: Situation) -> Step:
    stepwise = at.rollout.attempt > 0
    reason: Notice = PrimaryWeightAdvanced(weight=100) if stepwise else TrafficReturned()
    after = at.entering(
        Phase.FINALISING,
        traffic=everything_to_primary(at.policy, at.rollout),
        iterations=0,
        promoted=at.rollout.applied,
        known_good=KnownGood.PRIMARY,
        outcome=Outcome.SKIPPED if at.rollout.skipped else Outcome.COMPLETED,
    )
    told = (reason,) if at.rollout.traffic.reaches_canary else ()
    return at.go(after, reason, *told, next_s=drained_s(at.policy, after))


def finalise(at: Situation) -> Ask | Step:
    """Leave the canary alone until it is drained, scale it down, and end the rollout when that is seen."""
    rescued = give_to_canary(at)
    if rescued is not None:
        return rescued
    found = at.primary_readiness()
    if not found.ready:
        correction = correct_routes(at)
        if correction is not None:
            return correction
        cause = PrimaryNotReady(readiness=found)
        if found.retriable:
            return at.wait(Wait.PRIMARY, cause)
        if at.rollout.outcome is Outcome.WITHDRAWN and at.primary_can_serve:
            return roll_back(at, Outcome.DEADLINE, cause)
        return fail_promotion(at, found)
    if at.rollout.traffic.reaches_canary:
        returned = everything_to_primary(at.policy, at.rollout)
        return at.go(at.changed(traffic=returned, waiting=None), PrimaryRecovered(), PrimaryRecovered())
    until_s = drained_s(at.policy, at.rollout)
    if at.seen.routes != at.rollout.traffic:
        told = corrections(at, difference(at.policy, at.rollout, at.seen))
        reason = told[0] if told else Draining(until_s=until_s)
        return at.go(at.rollout, reason, *told, next_s=at.seen.now_s + at.policy.interval_s)
    if at.seen.canary is not None and at.seen.canary.replicas > 0:
        return at.go(at.rollout, Draining(until_s=until_s), next_s=until_s)
    return _succeed(at)


def _succeed(at: Situation) -> Step:
    outcome = at.rollout.outcome
    withdrawn = outcome is Outcome.WITHDRAWN
    reason: Notice = Cancelled() if withdrawn else Promoted(skipped=outcome is Outcome.SKIPPED)
    after = at.entering(
        Phase.SUCCEEDED,
        counts=Counts(),
        started=False,
        skipped=False,
        pending=(reason,),
    )
    return at.go(after, reason)
