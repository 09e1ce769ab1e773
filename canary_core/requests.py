"""What a person may ask of a rollout. Requests are inputs of the machine like any observation."""

import enum

from attrs import frozen

from canary_core.values import Value

__all__ = ["Request", "Verb"]


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
