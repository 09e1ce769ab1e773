"""What a person may ask of a rollout. Requests are inputs of the machine like any observation."""

import enum

from attrs import frozen

from canary_core.values import Value

__all__ = ["Reply", "Request", "Verb"]


class Verb(enum.Enum):
    """What a person may ask of a rollout."""

    PAUSE = "pause"
    """Take no step forward. Checks go on and can roll back."""
    RESUME = "resume"
    ABORT = "abort"
    """Roll back now. Refused once the primary has begun to change: there is nothing to go back to."""
    RETRY = "retry"
    """Try the failed revision, promotion or initialisation again."""
    PROMOTE = "promote"
    """Leave out the rest of the analysis. Refused for a revision that has failed."""


@frozen(kw_only=True, repr=False)
class Request(Value):
    """A person's wish. The same ``id`` is dealt with once, however often it is seen."""

    id: str
    verb: Verb | None
    """None: nobody knows what is asked for, of which the person is told."""


class Reply(enum.Enum):
    """What the machine has answered to a request: that it is carried out, or why not."""

    ACCEPTED = "accepted"
    NOT_UNDERSTOOD = "not-understood"
    """It names no verb that exists."""
    WRONG_PHASE = "wrong-phase"
    """It has no meaning in the phase of the rollout, or is not safe in it."""
    PAUSED = "paused"
    """The rollout is paused: to pause it again changes nothing, and nothing new may begin."""
    NOT_PAUSED = "not-paused"
    PRIMARY_NOT_READY = "primary-not-ready"
    """There is no primary that traffic could go back to."""
    CHECKS_FAILED = "checks-failed"
    """A budget of checks is used up: the revision has failed."""
    OBSTRUCTED = "obstructed"
    """Something is in the way, of which the condition tells; nothing begins."""
