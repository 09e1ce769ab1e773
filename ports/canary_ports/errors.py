"""What a port may raise. Anything else that comes out of an adapter is a bug in it."""

from canary_core import Obstacle, Source

__all__ = ["ConflictError", "GoneError", "PortError", "RefusedError", "RevisionChangedError", "UnavailableError"]


class PortError(Exception):
    """Base of what ports raise. The tick ends; what was decided but not done, the next tick finds and does."""


class UnavailableError(PortError):
    """The outside did not answer, or said to come back later. Whether the call had an effect is not known."""

    def __init__(self, message: str = "", *, retry_after_s: float | None = None) -> None:
        """Makes one.

        Args:
            message: What happened.
            retry_after_s: When the outside said to come back, seconds from now. None: it did not say.
        """
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ConflictError(PortError):
    """Somebody else wrote in between; nothing was written. Observe again and decide again."""


class RevisionChangedError(PortError):
    """The target is not, or no longer, the revision that was to be copied; nothing was copied."""


class GoneError(PortError):
    """The rollout's own object does not exist any more; there is nothing left to do."""


class RefusedError(PortError):
    """What was declared cannot be done: only a change of it, or of what it refers to, helps.

    People have to be told; the rollout stays where it is meanwhile.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Makes one.

        Args:
            reason: One word in CamelCase, for machines (``SelectorLabelMissing``).
            message: What is wrong and what to change, for people; it ends without a full stop.
        """
        super().__init__(message)
        self.reason = reason
        self.message = message

    def as_obstacle(self, source: Source = Source.SEEN) -> Obstacle:
        """What the machine is to see of it.

        Args:
            source: Whether it was found beforehand, or when something was tried.
        """
        return Obstacle(reason=self.reason, message=self.message, source=source)
