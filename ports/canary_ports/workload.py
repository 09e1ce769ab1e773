"""The workloads of a rollout: the target, which the user owns, and the primary, which is ours."""

from typing import Protocol

from attrs import frozen

from canary_core import Workload

__all__ = ["WorkloadPort", "Workloads"]


@frozen(kw_only=True)
class Workloads:
    """Both workloads as they are."""

    canary: Workload | None
    """The target. None: it does not exist."""
    primary: Workload | None
    """None: it does not exist."""
    former: bool = False
    """Whether something is still there of a target that was declared before, to go when another has its traffic."""


class WorkloadPort(Protocol):
    """Observe and change the two workloads of one rollout.

    An implementation guarantees:

    - *Read your writes*: `observe` is at least as new as every change that this object made and had acknowledged.
      It may be older than what others did, and catches up.
    - *Idempotence*: every change is absolute; asked for twice, the second does nothing.
    - *Fingerprints*: `Workload.revision` of the target depends on what the user declared and on nothing else, and is
      equal in two observations exactly if the declaration is. That of the primary is the fingerprint of the target
      that it was last made from, or None if this is not known; `Workload.edited` says whether its template has been
      changed by somebody else since.
    """

    def observe(self) -> Workloads:
        """Both workloads. Absence is None, never an error.

        Raises:
            UnavailableError: They could not be read.
        """
        ...

    def kept(self) -> frozenset[str]:
        """Fingerprints of revisions that a primary could be made from although the target is another one by now.

        Asked for only where a primary has got lost. An implementation that keeps none returns none.

        Raises:
            UnavailableError: They could not be read.
        """
        ...

    def ensure_primary(self, revision: str, replicas: int) -> None:
        """Have a primary made from this revision of the target, with what belongs to it.

        Args:
            revision: Fingerprint that the target must have at the moment of copying, unless it is one of
                `kept`.
            replicas: Pods that a primary asks for when it is made; an existing one keeps its number.

        Raises:
            RevisionChangedError: The target is another revision, or gone, and none is kept. Nothing was changed.
            UnavailableError: Unknown whether it was done, wholly or in part.
            ConflictError: Somebody else wrote in between. It was not, or only in part, done.
        """
        ...

    def promote(self, revision: str, replicas: int | None) -> None:
        """Have the existing primary run this revision of the target.

        What a pod of the old primary uses stays as it is until that pod is gone.

        Args:
            revision: Fingerprint that the target must have at the moment of copying.
            replicas: Pods that the primary shall ask for. None: leave the number alone.

        Raises:
            RevisionChangedError: The target is another revision, or gone. Nothing was changed.
            UnavailableError: Unknown whether it was done, wholly or in part.
            ConflictError: Somebody else wrote in between. It was not, or only in part, done.
        """
        ...

    def hold_primary(self, replicas: int | None) -> None:
        """Have the primary's autoscaler keep at least so many pods, as far as its own maximum allows.

        `Workload.held` of the primary says what was asked for, `Workload.floor` what is kept. Without a primary, or
        without an autoscaler, nothing is done.

        Args:
            replicas: None: as few as declared.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        ...

    def restore_primary(self, revision: str) -> None:
        """Have the primary's template as it was written for its revision, if somebody has changed it since.

        Its number of pods is left alone. Without a primary, or with one that is as it was written, nothing is done.

        Args:
            revision: Fingerprint of what the primary is to run, for an implementation that does not keep what it wrote.

        Raises:
            RefusedError: Nothing is kept of what was written, and the target is another revision.
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        ...

    def remove_primary(self) -> None:
        """Take the primary away, so that it can be made anew. Without one, or with one that is not ours, do nothing.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        ...

    def drop_former(self) -> None:
        """Take away what was made for a target that was declared before. Without one, nothing is done.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        ...

    def scale_primary(self, replicas: int) -> None:
        """Have the primary ask for so many pods. Without one, nothing is done; nothing else of it is touched.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        ...

    def scale_canary(self, replicas: int) -> None:
        """Have the target ask for so many pods. Nothing else of it is touched.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        ...
