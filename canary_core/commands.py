"""What a person may ask, in which phase, and what follows. Each request is dealt with once."""

from typing import assert_never

from canary_core.analysis import exhausted
from canary_core.decisions import Step
from canary_core.ending import roll_back
from canary_core.notices import Aborted, RequestAccepted, RequestRefused, RequestUnknown
from canary_core.phases import Phase
from canary_core.questions import Ask
from canary_core.requests import Verb
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
    answered = Situation(at.policy, at.changed(request=request.id), at.seen)
    if request.verb is None:
        unknown = RequestUnknown(text=request.id)
        return at.go(answered.rollout, unknown, unknown)
    answer = _carry_out(answered, request.verb)
    if answer is not None:
        return answer
    refused = RequestRefused(verb=request.verb, phase=at.rollout.phase)
    return at.go(answered.rollout, refused, refused)


def _carry_out(at: Situation, verb: Verb) -> Ask | Step | None:
    match verb:
        case Verb.PAUSE:
            return _pause(at) if not at.rollout.paused and at.rollout.phase not in _ENDING else None
        case Verb.RESUME:
            return _resume(at) if at.rollout.paused else None
        case Verb.ABORT:
            legal = at.rollout.phase in _ANALYSIS or at.rollout.phase is Phase.WAITING
            return roll_back(at, Outcome.ABORTED, Aborted()) if legal else None
        case Verb.RETRY:
            return _retry(at) if at.rollout.phase is Phase.FAILED else None
        case Verb.PROMOTE:
            return _promote(at)
        case _:
            assert_never(verb)


def _pause(at: Situation) -> Step:
    accepted = RequestAccepted(verb=Verb.PAUSE)
    return at.go(at.changed(paused=True), accepted, accepted)


def _resume(at: Situation) -> Step:
    accepted = RequestAccepted(verb=Verb.RESUME)
    return at.go(at.changed(paused=False), accepted, accepted)


def _retry(at: Situation) -> Ask | Step | None:
    accepted = RequestAccepted(verb=Verb.RETRY)
    rollout = at.rollout
    if rollout.outcome is Outcome.INITIALIZATION:
        return initialise_again(at, accepted)
    if rollout.outcome is Outcome.PROMOTION and at.revision == rollout.applied:
        return resume_promotion(at, accepted)
    possible = at.primary_readiness().ready or rollout.traffic.leaves_primary_nothing
    return begin(at, accepted) if possible and not rollout.paused else None


def _promote(at: Situation) -> Ask | Step | None:
    accepted = RequestAccepted(verb=Verb.PROMOTE)
    rollout = at.rollout
    if rollout.phase in _ANALYSIS:
        if exhausted(at.policy, rollout.counts) is not None:
            return None
        return at.go(at.changed(skipped=True, paused=False), accepted, accepted)
    held_up = rollout.phase in _ENDED and at.revision not in {None, rollout.applied, rollout.promoted}
    if rollout.phase is Phase.WAITING or (held_up and rollout.promoted is not None):
        return scale_up(at, accepted, skipped=True)
    return None
