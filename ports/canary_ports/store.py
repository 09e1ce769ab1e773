"""Where a rollout is kept between ticks."""

from typing import Protocol

from attrs import field, frozen

from canary_core import Policy, Record, Request, Rollout

__all__ = ["RolloutStore", "Stored"]


@frozen(kw_only=True)
class Stored:
    """A rollout as it was loaded, with what was declared about it."""

    policy: Policy
    rollout: Rollout
    """``Rollout()`` if none was saved yet."""
    version: str
    """Opaque; changes with every save by anybody."""
    request: Request | None = None
    """What a person asked for."""
    redeclared: bool = False
    """Whether the object declares something else than when a rollout was last saved."""
    deleting: bool = False
    """Whether the object is being deleted and waits for us."""
    record: Record = field(factory=Record)
    """What happened, for people. Empty if nothing was saved yet, or what was cannot be read."""


class RolloutStore(Protocol):
    """Load and save one rollout, with optimistic concurrency.

    An implementation guarantees read-your-writes as `canary_ports.workload.WorkloadPort` does, and that what was
    loaded equals what was saved.
    """

    def load(self) -> Stored:
        """The rollout and its policy.

        Raises:
            GoneError: There is no such object.
            UnavailableError: It could not be read.
        """
        ...

    def save(self, rollout: Rollout, version: str, record: Record | None = None) -> str:
        """Store a rollout, if nobody else has since ``version`` was loaded.

        Args:
            rollout: Where it stands.
            version: As it was loaded, or saved.
            record: What happened until now. None: as it is stored.

        Returns:
            The new version.

        Raises:
            ConflictError: Somebody else wrote; nothing was stored.
            GoneError: There is no such object any more.
            UnavailableError: Unknown whether it was stored.
        """
        ...

    def release(self) -> None:
        """Let the object go, if it is being deleted. Doing so twice, or when it is gone, is no error.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        ...
