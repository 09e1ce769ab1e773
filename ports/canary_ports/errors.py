"""What a port may raise. Anything else that comes out of an adapter is a bug in it."""

__all__ = ["ConflictError", "GoneError", "PortError", "RevisionChangedError", "UnavailableError"]


class PortError(Exception):
    """Base of what ports raise. The tick ends; what was decided but not done, the next tick finds and does."""


class UnavailableError(PortError):
    """The outside did not answer, or said to come back later. Whether the call had an effect is not known."""


class ConflictError(PortError):
    """Somebody else wrote in between; nothing was written. Observe again and decide again."""


class RevisionChangedError(PortError):
    """The target is not, or no longer, the revision that was to be copied; nothing was copied."""


class GoneError(PortError):
    """The rollout's own object does not exist any more; there is nothing left to do."""
