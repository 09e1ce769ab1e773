"""The machine: one pure function from what was declared, where a rollout stands and what was seen, to what next.

How a call goes:

1. Rules that hold in every phase, in the order of `FIRST`: deletion, suspension, taking over, a person's request.
2. The rules of the phase, `PHASES`. Each looks first whether what is declared has changed, then whether what was
   decided before is in force (and finishes it, if not), then whether the workloads are ready, and only then decides
   anything new.

What is decided is a state, `Rollout`. The decisions follow from it: they are the difference between what that state
calls for and what was seen (`canary_core.desired`). So whatever dies between storing the state and acting on it, the
next call finds the difference and finishes the job.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from canary_core.adoption import adopt
from canary_core.commands import obey
from canary_core.decisions import Step
from canary_core.notices import Resumed, Suspended
from canary_core.observation import Observation
from canary_core.obstacles import note
from canary_core.phases import Phase
from canary_core.policy import Policy
from canary_core.progress import progress
from canary_core.promotion import finalise, promoting
from canary_core.questions import Ask
from canary_core.rollout import Rollout
from canary_core.settled import settle
from canary_core.situation import Situation
from canary_core.start import initialise, wait_for_approval
from canary_core.termination import be_deleted, terminate

__all__ = ["FIRST", "PHASES", "step"]


def _suspend(at: Situation) -> Step | None:
    if at.policy.suspend:
        told = Suspended()
        if at.rollout.suspended:
            return at.hold(told)
        return Step(rollout=at.changed(suspended=True), notices=(told,), reason=told)
    if at.rollout.suspended:
        return at.go(at.changed(suspended=False, waiting=None), Resumed(), Resumed())
    return None


FIRST: Final[tuple[Callable[[Situation], Ask | Step | None], ...]] = (
    be_deleted,  # an object that goes away has no other business, not even when suspended
    _suspend,  # nothing is touched, whoever asks
    note,  # what is in the way is told, and stops none of what follows
    adopt,  # what another controller wrote is put into our terms before anything is read from it
    obey,
)
"""Rules for every phase, in order; the first that has an answer wins."""

PHASES: Final[Mapping[Phase, Callable[[Situation], Ask | Step]]] = MappingProxyType(
    {
        Phase.INITIALIZING: initialise,
        Phase.INITIALIZED: settle,
        Phase.WAITING: wait_for_approval,
        Phase.PROGRESSING: progress,
        Phase.WAITING_PROMOTION: progress,
        Phase.PROMOTING: promoting,
        Phase.FINALISING: finalise,
        Phase.SUCCEEDED: settle,
        Phase.FAILED: settle,
        Phase.TERMINATING: terminate,
        Phase.TERMINATED: terminate,
    }
)
"""What each phase goes by."""


def _is_ordinary(at: Situation) -> bool:
    """The common case, seen at a glance: no rule of `FIRST` has anything to say."""
    seen, rollout = at.seen, at.rollout
    if seen.deleting or seen.request is not None or at.policy.suspend or rollout.suspended:
        return False
    if seen.obstacles or rollout.obstacle is not None:
        return False
    return seen.canary is not None and seen.canary.revision == rollout.applied


def step(policy: Policy, rollout: Rollout, observation: Observation) -> Ask | Step:
    """Decide what is next.

    Total and pure: every well-typed input has an answer, the same input always has the same one, and nothing that was
    passed in is changed.

    Args:
        policy: What was declared.
        rollout: Where the rollout stands, as it was stored last; ``Rollout()`` if nothing was stored yet.
        observation: What the outside looks like now.

    Returns:
        `Ask` if some answers are needed first: call again with the same observation and the answers added to it.
        Else `Step`: store its rollout, then carry out its decisions, then tell its notices.
    """
    at = Situation(policy, rollout, observation)
    if not _is_ordinary(at):
        for rule in FIRST:
            answer = rule(at)
            if answer is not None:
                return answer
    return PHASES[rollout.phase](at)
