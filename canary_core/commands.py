"""What a person may ask, in which phase, and what follows. Each request is dealt with once."""

from typing import assert_never

from attrs import evolve

from canary_core.analysis import exhausted
from canary_core.decisions import Step
from canary_core.ending import roll_back
from canary_core.notices import Aborted, RequestAccepted, RequestRefused, RequestUnknown
from canary_core.phases import Phase
from canary_core.questions import Ask
from canary_core.requests import Reply, Verb
from canary_core.rollout import Outcome
from canary_core.settled import resume_promotion
from canary_core.situation import Situation
from canary_core.start import begin, initialise_again, scale_up

__all__ = ["obey"]

_ANALYSIS = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION})
_ENDED = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED})
_ENDING = frozenset({Phase.TERMINATING, Phase.TERMINATED})


def obey(at: Situation) -> Ask | Step | None:
    """Carry out a request that is new, or refuse it and say so. One that nobody understands is told of once, too.

    ======= =======================================================================================
    Verb    Accepted in
    ======= =======================================================================================
    pause   every phase but Terminating and Terminated, if not paused
    resume  if paused
    abort   Waiting, Progressing, WaitingPromotion
    retry   Failed, if the primary is ready or the canary has all the traffic anyway
    promote Waiting, Progressing, WaitingPromotion, if no budget of checks is used up; Initialized,
            Succeeded, Failed for a new revision that waits for a primary to come back
    ======= =======================================================================================
    """
    request = at.seen.request
    if request is None or request.id == at.rollout.request or at.rollout.pending:
        return None
    answer = _carry_out(_replied(at, request.id, Reply.ACCEPTED), request.verb)
    if not isinstance(answer, Reply):
        return answer
    after = _replied(at, request.id, answer).rollout
    if request.verb is None:
        unknown = RequestUnknown(text=request.id)
        return at.go(after, unknown, unknown)
    refused = RequestRefused(verb=request.verb, phase=at.rollout.phase)
    return at.go(after, refused, refused)


def _replied(at: Situation, request: str, reply: Reply) -> Situation:
    return Situation(at.policy, at.changed(request=request, reply=reply), at.seen)


def _carry_out(at: Situation, verb: Verb | None) -> Ask | Step | Reply:
    """What follows from a request; a reply: nothing, and why."""
    match verb:
        case None:
            return Reply.NOT_UNDERSTOOD
        case Verb.PAUSE:
            return _pause(at)
        case Verb.RESUME:
            return _resume(at) if at.rollout.paused else Reply.NOT_PAUSED
        case Verb.ABORT:
            legal = at.rollout.phase in _ANALYSIS or at.rollout.phase is Phase.WAITING
            return roll_back(at, Outcome.ABORTED, Aborted()) if legal else Reply.WRONG_PHASE
        case Verb.RETRY:
            return _retry(at) if at.rollout.phase is Phase.FAILED else Reply.WRONG_PHASE
        case Verb.PROMOTE:
            return _promote(at)
        case _:
            assert_never(verb)


def _pause(at: Situation) -> Step | Reply:
    if at.rollout.phase in _ENDING:
        return Reply.WRONG_PHASE
    if at.rollout.paused:
        return Reply.PAUSED
    accepted = RequestAccepted(verb=Verb.PAUSE)
    return at.go(at.changed(paused=True), accepted, accepted)


def _resume(at: Situation) -> Step:
    accepted = RequestAccepted(verb=Verb.RESUME)
    return at.go(at.changed(paused=False), accepted, accepted)


def _retry(at: Situation) -> Ask | Step | Reply:
    accepted = RequestAccepted(verb=Verb.RETRY)
    rollout = at.rollout
    if rollout.outcome is Outcome.INITIALIZATION:
        return initialise_again(at, accepted)
    if rollout.outcome is Outcome.PROMOTION and at.revision == rollout.applied:
        return resume_promotion(at, accepted)
    if rollout.paused:
        return Reply.PAUSED
    possible = at.primary_readiness().ready or rollout.traffic.leaves_primary_nothing
    if not possible:
        return Reply.PRIMARY_NOT_READY
    begun = begin(at, accepted)
    if isinstance(begun, Step) and begun.rollout.phase is Phase.FAILED:
        refused = RequestRefused(verb=Verb.RETRY, phase=Phase.FAILED)
        told = begun.rollout.but(reply=Reply.OBSTRUCTED)
        return evolve(begun, rollout=told, notices=(*begun.notices, refused))
    return begun


def _promote(at: Situation) -> Ask | Step | Reply:
    accepted = RequestAccepted(verb=Verb.PROMOTE)
    rollout = at.rollout
    if rollout.phase in _ANALYSIS:
        if exhausted(at.policy, rollout.counts) is not None:
            return Reply.CHECKS_FAILED
        return at.go(at.changed(skipped=True, paused=False), accepted, accepted)
    held_up = rollout.phase in _ENDED and at.revision not in {None, rollout.applied, rollout.promoted}
    if rollout.phase is Phase.WAITING or (held_up and rollout.promoted is not None):
        return scale_up(at, accepted, skipped=True)
    return Reply.WRONG_PHASE
