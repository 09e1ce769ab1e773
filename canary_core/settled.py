"""Initialized, Succeeded, Failed: tell how it ended, keep things as they are, and notice what changes."""

from canary_core.decisions import Decision, EnsurePrimary, ScaleCanary, ScalePrimary, SetTraffic, Step
from canary_core.desired import difference, is_new, strands
from canary_core.ending import canary_is_proven, return_to_primary
from canary_core.gates import Closed, Open, ask_in_turn, passed
from canary_core.notices import (
    Draining,
    NoKnownGood,
    Notice,
    PostRolloutFailed,
    PrimaryCreated,
    PrimaryRecovered,
    RevisionFailed,
    RevisionReverted,
    Settled,
)
from canary_core.phases import Phase
from canary_core.policy import HookType
from canary_core.questions import Ask, Tell
from canary_core.rescue import give_to_canary
from canary_core.rollout import KnownGood, Outcome, Wait
from canary_core.situation import Situation, corrections
from canary_core.start import begin, initialise_again

__all__ = ["resume_promotion", "settle"]


def settle(at: Situation) -> Ask | Step:
    """Finish what the end of the rollout calls for; then look for anything new."""
    rescued = _rescue(at)
    if rescued is not None:
        return rescued
    if at.rollout.pending:
        return _reconsider(at) or _finish(at)
    return _recover(at) or _keep(at) or _look_for_revision(at)


def _rescue(at: Situation) -> Step | None:
    """A canary that still has pods answers for a primary that cannot, and gives the traffic back when that is ready."""
    rollout = at.rollout
    if rollout.phase is Phase.TERMINATED or rollout.outcome is Outcome.INITIALIZATION or at.seen.routes is None:
        return None
    proven = canary_is_proven(at) and at.revision == rollout.promoted
    rescued = give_to_canary(at, known_good=KnownGood.CANARY if proven else KnownGood.NONE)
    if rescued is not None or rollout.phase is Phase.FAILED or not rollout.traffic.reaches_canary:
        return rescued
    return return_to_primary(at) if at.primary_readiness().ready else None


# -- Finishing ------------------------------------------------------------------------------------------------------


def _finish(at: Situation) -> Ask | Step:
    """Act, then tell, then ask the post-rollout hooks. All of it is repeated if it is not known to have been done."""
    decisions = difference(at.policy, at.rollout, at.seen)
    told = Tell(notices=at.rollout.pending)
    last = at.rollout.pending[-1]
    if decisions:
        return at.go(at.rollout, last)
    until_s = at.draining_until_s()
    if until_s is not None:
        if not at.primary_can_serve:
            return at.wait(Wait.PRIMARY, NoKnownGood())
        return at.hold(Draining(until_s=until_s), next_s=until_s)
    if at.answer(told) is None:
        return Ask(questions=(told,))
    after = at.changed(pending=())
    if at.rollout.phase is Phase.INITIALIZED or at.rollout.outcome is Outcome.INITIALIZATION:
        return at.go(after, last)
    gate = ask_in_turn(at, HookType.POST_ROLLOUT)
    if isinstance(gate, Ask):
        return gate
    return at.go(after, last, *_post_rollout(gate))


def _post_rollout(gate: Open | Closed) -> tuple[Notice, ...]:
    if isinstance(gate, Open):
        return passed(gate)
    failure = PostRolloutFailed(hook=gate.hook.id, error=gate.message)
    return (*passed(Open(hooks=gate.passed)), failure)


def _reconsider(at: Situation) -> Step | None:
    """The target was replaced before it got the traffic that it was meant to have: that is not justified any more."""
    rollout = at.rollout
    if not rollout.traffic.reaches_canary or (rollout.outcome is Outcome.PROMOTION and canary_is_proven(at)):
        return None
    returned = return_to_primary(at)
    if returned is not None or at.seen.routes in {None, rollout.traffic}:
        return returned
    return at.go(at.changed(traffic=at.seen.routes, known_good=KnownGood.NONE), NoKnownGood(), NoKnownGood())


# -- Recovering from a failure that left something open -------------------------------------------------------------


def _recover(at: Situation) -> Step | None:
    rollout = at.rollout
    if rollout.phase is not Phase.FAILED:
        return None
    if rollout.outcome is Outcome.INITIALIZATION:
        mended = at.primary_readiness().ready or at.revision != rollout.applied
        return initialise_again(at, PrimaryRecovered()) if mended else None
    if not rollout.traffic.reaches_canary:
        return None
    proven = rollout.outcome is Outcome.PROMOTION and at.revision == rollout.applied
    if proven and at.primary_readiness().ready:
        return resume_promotion(at, PrimaryRecovered())
    if proven and at.canary_can_serve:
        return None
    return return_to_primary(at)


def resume_promotion(at: Situation, *told: Notice) -> Step:
    """Go on where the promotion had failed."""
    after = at.entering(Phase.PROMOTING, known_good=KnownGood.CANARY, outcome=None, started=True)
    return at.go(after, told[0], *told)


# -- Keeping --------------------------------------------------------------------------------------------------------


def _keep(at: Situation) -> Step | None:
    """Put back what somebody changed: at most once per interval, so as not to fight with another tool.

    What makes pods that are to serve is no fight and does not wait. Neither does traffic that reaches nobody, whoever
    is at fault; but that is told once per interval.
    """
    decisions = difference(at.policy, at.rollout, at.seen)
    if not decisions or (is_new(at.rollout, at.seen) and any(map(_takes_pods, decisions))):
        return None  # what delivers a new revision may have set the replicas as well, and they are wanted in a moment
    notices = corrections(at, decisions)
    made = any(isinstance(decision, EnsurePrimary) for decision in decisions)
    reason = notices[0] if notices else PrimaryCreated() if made else Settled()
    now_s, interval_s = at.seen.now_s, at.policy.interval_s
    next_s = at.rollout.kept_s + interval_s
    if now_s >= next_s or any(map(_makes_pods, decisions)):
        after = at.rollout if at.is_refused else at.changed(kept_s=now_s)  # to store each refusal would be a write more
        return at.go(after, reason, *notices, next_s=now_s + interval_s)
    if strands(at.seen) and any(isinstance(decision, SetTraffic) for decision in decisions):
        return at.go(at.rollout, reason, next_s=next_s)
    return at.hold(reason, next_s=next_s)


def _makes_pods(decision: Decision) -> bool:
    scaled_up = isinstance(decision, ScaleCanary) and decision.replicas > 0
    return scaled_up or isinstance(decision, EnsurePrimary | ScalePrimary)


def _takes_pods(decision: Decision) -> bool:
    return isinstance(decision, ScaleCanary) and decision.replicas == 0


def _look_for_revision(at: Situation) -> Ask | Step:
    rollout = at.rollout
    if rollout.outcome is Outcome.INITIALIZATION:
        return at.hold(_settled_reason(at))
    if is_new(at.rollout, at.seen):
        return begin(at)
    by_canary = rollout.traffic.leaves_primary_nothing and at.canary_can_serve
    if not at.primary_can_serve and not by_canary:
        if rollout.known_good is KnownGood.NONE:  # told already, with the failure that led to it
            return at.hold(NoKnownGood(), next_s=at.seen.now_s + at.policy.interval_s)
        return at.wait(Wait.PRIMARY, NoKnownGood())
    reason = _settled_reason(at)
    if rollout.waiting is not None:
        return at.go(at.changed(waiting=None), reason)
    back = rollout.phase is Phase.FAILED and at.revision == rollout.promoted != rollout.applied
    if back != rollout.reverted:
        told = (RevisionReverted(),) if back else ()
        return at.go(at.changed(reverted=back), reason, *told)
    until_s = at.draining_until_s()
    return at.hold(reason if until_s is None else Draining(until_s=until_s), next_s=until_s)


def _settled_reason(at: Situation) -> Notice:
    """Why nothing happens: all is well, or the declared revision is known to be bad."""
    failed = at.rollout.phase is Phase.FAILED and at.revision == at.rollout.applied
    return RevisionFailed() if failed else Settled()
