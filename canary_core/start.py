"""How a rollout begins: the first primary, and each new revision after it, gates included."""

from attrs import evolve

from canary_core.decisions import EnsurePrimary, RestorePrimary, SetTraffic, Step
from canary_core.desired import difference, drained_s, strands
from canary_core.ending import return_to_primary, roll_back
from canary_core.gates import Closed, ask_in_turn, awaited, passed, still_closed
from canary_core.notices import (
    ApprovalExpired,
    Draining,
    InitializationFailed,
    Initialized,
    Measuring,
    NoKnownGood,
    Notice,
    Paused,
    PrimaryCreated,
    PrimaryNotReady,
    PrimaryRestored,
    RolloutStarted,
    SourcesAvailable,
    SourcesUnavailable,
    TargetMissing,
    TrafficReturned,
)
from canary_core.obstacles import blocked
from canary_core.phases import Phase
from canary_core.policy import HookType
from canary_core.progress import withdraw
from canary_core.questions import Ask, SourcesQuestion
from canary_core.rescue import give_to_canary
from canary_core.rollout import Counts, KnownGood, Outcome, Wait, Waiting
from canary_core.samples import SourceError
from canary_core.situation import Situation, corrections
from canary_core.split import everything_to_primary
from canary_core.workload import Readiness

__all__ = ["begin", "initialise", "initialise_again", "scale_up", "wait_for_approval"]


# -- The first primary ----------------------------------------------------------------------------------------------


def initialise(at: Situation) -> Ask | Step:
    """Make a primary beside the live target; move traffic when it is ready; only then take the target's pods away."""
    canary = at.seen.canary
    if at.rollout.traffic.reaches_canary and not at.canary_can_serve and at.primary_can_serve:
        after = at.changed(traffic=everything_to_primary(at.policy, at.rollout), waiting=None)
        return at.go(after, TrafficReturned(), TrafficReturned())
    rescued = give_to_canary(at) if at.seen.routes is not None else None
    if rescued is not None:
        return rescued
    if canary is None or canary.revision is None:
        return at.wait(Wait.TARGET, TargetMissing())
    other = at.rollout.applied != canary.revision and at.seen.routes is None
    if other or at.rollout.applied is None:
        return _make_primary(at)
    primary = at.primary_readiness()
    if not primary.ready:
        return _initial_primary_unready(at, primary)
    if at.rollout.traffic.reaches_canary:
        after = at.changed(traffic=everything_to_primary(at.policy, at.rollout), waiting=None)
        return at.go(after, TrafficReturned(), TrafficReturned())
    decisions = difference(at.policy, at.rollout, at.seen)
    if decisions:
        return at.go(at.rollout, TrafficReturned())
    if canary.replicas > 0:
        until_s = drained_s(at.policy, at.rollout)
        return at.hold(Draining(until_s=until_s), next_s=until_s)
    return _initialised(at)


def _make_primary(at: Situation) -> Ask | Step:
    """Whether the metric sources answer is told beforehand, and stops nothing; an obstacle keeps it from beginning."""
    obstructed = blocked(at)
    if obstructed is not None:
        waiting = at.rollout.waiting or Waiting(on=Wait.PRIMARY, since_s=at.seen.now_s)
        return evolve(obstructed, rollout=at.changed(waiting=waiting))
    told: tuple[Notice, ...] = ()
    if at.policy.checks and not at.policy.skip_analysis and at.rollout.applied is None:
        question = SourcesQuestion()
        answer = at.answer(question)
        if answer is None:
            return Ask(questions=(question,))
        told = (SourcesUnavailable(error=answer.message) if isinstance(answer, SourceError) else SourcesAvailable(),)
    after = at.changed(applied=at.revision, waiting=None)
    return at.go(after, PrimaryCreated(), *told)


def _initial_primary_unready(at: Situation, found: Readiness) -> Step:
    if found.retriable:
        decisions = difference(at.policy, at.rollout, at.seen)
        if any(isinstance(decision, EnsurePrimary | RestorePrimary | SetTraffic) for decision in decisions):
            return at.go(at.rollout, PrimaryCreated(), next_s=at.seen.now_s + at.policy.interval_s)
        return at.wait(Wait.PRIMARY, PrimaryNotReady(readiness=found))
    reason = InitializationFailed(readiness=found)
    after = at.entering(Phase.FAILED, outcome=Outcome.INITIALIZATION, pending=(reason,))
    return at.go(after, reason)


def _initialised(at: Situation) -> Step:
    """What the primary really holds is what counts as promoted: the target may have changed since."""
    primary = at.seen.primary
    held = primary.revision if primary is not None and primary.revision is not None else at.revision
    reason = Initialized()
    after = at.entering(
        Phase.INITIALIZED,
        applied=held,
        promoted=held,
        known_good=KnownGood.PRIMARY,
        pending=(reason,),
    )
    return at.go(after, reason)


def initialise_again(at: Situation, reason: Notice) -> Step:
    """Go on with an initialisation that had been given up."""
    after = at.entering(Phase.INITIALIZING, outcome=None, applied=None)
    return at.go(after, reason, reason)


# -- A new revision -------------------------------------------------------------------------------------------------


def begin(at: Situation, *told: Notice) -> Ask | Step:
    """Start the rollout of the declared revision, if the primary can take traffic back and the gates are open.

    That the primary cannot, and that nobody is known to be good, is reported whatever else is in the way.
    """
    obstructed = blocked(at)
    stranded = at.rollout.traffic.leaves_primary_nothing
    to_be_replaced = at.policy.skip_analysis and obstructed is None
    found = at.primary_readiness()
    if not (found.ready or stranded or to_be_replaced):
        return _restore_primary(at) or at.wait(Wait.PRIMARY, PrimaryNotReady(readiness=found))
    if obstructed is not None:
        return _warn(at) or obstructed
    if at.rollout.paused:
        return _warn(at) or at.hold(Paused(), next_s=at.draining_until_s())
    gate = ask_in_turn(at, HookType.CONFIRM_ROLLOUT)
    if isinstance(gate, Ask):
        return gate
    if isinstance(gate, Closed):
        return _await_approval(at, gate, *told)
    return scale_up(at, *told, *passed(gate))


def _restore_primary(at: Situation) -> Step | None:
    """A primary that is not ready because somebody changed its template is set back, at most once per interval."""
    wanted = difference(at.policy, at.rollout, at.seen)
    decisions = tuple(decision for decision in wanted if isinstance(decision, RestorePrimary))
    now_s, interval_s = at.seen.now_s, at.policy.interval_s
    if not decisions or now_s < at.rollout.kept_s + interval_s:
        return None
    notices = corrections(at, decisions)
    after = at.rollout if at.is_refused else at.changed(kept_s=now_s)
    reason = PrimaryRestored()
    return Step(rollout=after, decisions=decisions, notices=notices, reason=reason, next_s=now_s + interval_s)


def _warn(at: Situation) -> Step | None:
    """What begins later must not be reported only then: the canary has all the traffic, and is another one by now."""
    known_good, warning = _trust(at)
    return at.go(at.changed(known_good=known_good), *warning, *warning) if warning else None


def _await_approval(at: Situation, gate: Closed, *told: Notice) -> Step:
    if at.rollout.phase is Phase.WAITING:
        return at.again(still_closed(gate))
    reason = awaited(gate)
    known_good, warning = _trust(at)
    after = at.entering(Phase.WAITING, attempt=1, outcome=None, known_good=known_good)
    return at.go(after, reason, *told, reason, *warning, next_s=at.seen.now_s + at.policy.interval_s)


def _is_stranded(at: Situation) -> bool:
    """Whether the canary has all the traffic for want of a primary."""
    return at.rollout.traffic.leaves_primary_nothing and not at.primary_can_serve


def _trust(at: Situation) -> tuple[KnownGood, tuple[Notice, ...]]:
    """Where traffic could go back to once the declared revision is being rolled out, and what to tell of it."""
    if not _is_stranded(at):
        return KnownGood.PRIMARY, ()
    told_before = at.rollout.known_good is KnownGood.NONE
    return KnownGood.NONE, () if told_before else (NoKnownGood(),)


def scale_up(at: Situation, *told: Notice, skipped: bool = False) -> Step:
    """Bring up the canary and take its revision for the one under analysis.

    Where the canary has all traffic for want of a primary, it keeps it, and that is what will be judged.
    """
    traffic = at.rollout.traffic if _is_stranded(at) else everything_to_primary(at.policy, at.rollout)
    known_good, warning = _trust(at)
    reason = RolloutStarted()
    after = at.entering(
        Phase.PROGRESSING,
        traffic=traffic,
        iterations=0,
        counts=Counts(),
        started=False,
        skipped=skipped,
        away_s=0.0,
        applied=at.revision,
        outcome=None,
        known_good=known_good,
    )
    return at.go(after, reason, *told, reason, *warning, next_s=at.seen.now_s + at.policy.interval_s)


def _rescue_traffic(at: Situation) -> Step | None:
    """Put the routes back at once if they lead to nobody, without asking the gate any later for it."""
    if not strands(at.seen):
        return None
    decisions = difference(at.policy, at.rollout, at.seen)
    routes = tuple(decision for decision in decisions if isinstance(decision, SetTraffic))
    told = corrections(at, routes)
    if not routes:
        return None
    return Step(rollout=at.rollout, decisions=routes, notices=told, reason=told[0], next_s=max(at.due_s, at.seen.now_s))


def wait_for_approval(at: Situation) -> Ask | Step:
    """Waiting: nothing has been touched yet, so nothing needs to be judged or rolled back."""
    if at.revision is None or at.revision == at.rollout.promoted:
        return withdraw(at)
    waits_with_canary = at.rollout.traffic.reaches_canary
    moved = return_to_primary(at) if waits_with_canary else give_to_canary(at, known_good=KnownGood.NONE)
    if moved is not None:
        return moved
    rescued = _rescue_traffic(at)
    if rescued is not None:
        return rescued
    deadline_s = at.policy.approval_deadline_s
    if deadline_s is not None and at.seen.now_s - at.rollout.changed_s >= deadline_s:
        return roll_back(at, Outcome.APPROVAL, ApprovalExpired(deadline_s=deadline_s))
    if not at.primary_can_serve and not at.rollout.traffic.leaves_primary_nothing:
        return at.wait(Wait.PRIMARY, NoKnownGood())
    if not at.is_due:
        return at.hold(Measuring(until_s=at.due_s), next_s=at.due_s)
    return begin(at)
