"""Who gets the traffic."""

from typing import Protocol

from canary_core import Traffic

__all__ = ["RouterPort"]


class RouterPort(Protocol):
    """Read and set the split of traffic of one rollout.

    An implementation guarantees read-your-writes and idempotence as `canary_ports.workload.WorkloadPort` does, and:

    - *Whole*: a split is in force with all of its parts or not at all; nobody sees a half-written one.
    - *Round trip*: after `ensure` has returned, `read` returns an equal value until somebody else writes.
    - *Foreign routes stay*: what a person wrote and is not ours is left as it is.
    """

    def read(self) -> Traffic | None:
        """The split in force. None: there are no routes of ours.

        Raises:
            UnavailableError: They could not be read.
        """
        ...

    def ensure(self, traffic: Traffic) -> None:
        """Have this split in force, and all routing objects that it needs.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        ...

    def release(self) -> None:
        """Give the routes back as they were before us; where that is not known, point them at the target.

        Afterwards `read` returns None.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        ...
