"""How a rollout ends badly: rolled back to what is known to be good, or, where nothing is, left as it is."""

from canary_core.decisions import Step
from canary_core.notices import NoKnownGood, Notice, PrimaryRecovered, PromotionFailed, RolledBack
from canary_core.phases import Phase
from canary_core.rescue import safest
from canary_core.rollout import Counts, KnownGood, Outcome
from canary_core.situation import Situation
from canary_core.split import everything_to_canary, everything_to_primary
from canary_core.workload import Readiness

__all__ = ["canary_is_proven", "fail_promotion", "return_to_primary", "roll_back"]


def roll_back(at: Situation, outcome: Outcome, cause: Notice) -> Step:
    """Give all traffic back to the primary and scale the canary down, or, if no pod of it can answer, hold still.

    Which it was, the traffic of the failed rollout says. It is put right as soon as the primary can serve.
    """
    traffic = safest(at)
    possible = not traffic.reaches_canary
    last: Notice = RolledBack() if possible else NoKnownGood()
    after = at.entering(
        Phase.FAILED,
        traffic=traffic,
        iterations=0,
        counts=Counts(),
        started=False,
        skipped=False,
        outcome=outcome,
        known_good=KnownGood.PRIMARY if possible else KnownGood.NONE,
        pending=(cause, last),
        applied=at.revision or at.rollout.applied,
    )
    return at.go(after, cause)


def return_to_primary(at: Situation) -> Step | None:
    """Traffic had been left on a canary that is not known to be good; give it back now, if the primary can serve."""
    if not at.primary_can_serve:
        return None
    traffic = everything_to_primary(at.policy, at.rollout)
    after = at.changed(traffic=traffic, known_good=KnownGood.PRIMARY)
    return at.go(after, PrimaryRecovered(), PrimaryRecovered())


def canary_is_proven(at: Situation) -> bool:
    """Whether all that answers for the canary is the revision that was approved."""
    canary = at.seen.canary
    same = canary is not None and canary.revision == at.rollout.applied and not canary.is_mixed
    return same and at.canary_can_serve


def fail_promotion(at: Situation, found: Readiness) -> Step:
    """The primary is lost in the middle of a promotion: give all traffic to the canary, which runs what was approved.

    If that cannot serve, or is another revision by now, nothing is known to be good and nothing is changed.
    """
    rollout = at.rollout
    proven = canary_is_proven(at)
    primary = at.seen.primary
    overwritten = primary is not None and primary.revision == rollout.applied
    cause = PromotionFailed(readiness=found)
    after = at.entering(
        Phase.FAILED,
        traffic=everything_to_canary(rollout) if proven else safest(at),
        iterations=0,
        counts=Counts(),
        started=False,
        outcome=Outcome.PROMOTION,
        known_good=KnownGood.CANARY if proven else KnownGood.NONE,
        promoted=rollout.applied if overwritten else rollout.promoted,
        pending=(cause,) if proven else (cause, NoKnownGood()),
    )
    return at.go(after, cause)
