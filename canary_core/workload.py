"""A workload as observed, and whether it is ready: the rules by which Flagger waits for a Deployment.

Compared with Flagger, a workload without a single available pod is never ready, whatever its threshold says, and a
wait has an end also when the workload itself sees no reason to give up (see `Policy.progress_deadline_s`).
"""

import enum

from attrs import evolve, frozen

from canary_core.values import Value

__all__ = ["Readiness", "Trouble", "Unready", "Workload", "readiness"]


@frozen(kw_only=True, repr=False)
class Trouble(Value):
    """What keeps the pods of a workload from running, as they say themselves. For people: nothing is decided by it."""

    reason: str
    """One word, as Kubernetes has it (``CrashLoopBackOff``)."""
    message: str
    """Which container of which pod, and why."""


@frozen(kw_only=True, repr=False)
class Workload(Value):
    """A workload as its own status told it. Numbers are pods."""

    revision: str | None = None
    """Fingerprint of what it runs. None: not known, as with a primary that somebody else made."""
    replicas: int = 0
    """Asked for."""
    updated: int = 0
    """Of the newest template."""
    total: int = 0
    """Of any template."""
    available: int = 0
    """Able to answer requests."""
    observed: bool = True
    """Whether the numbers belong to the newest declaration of the workload."""
    stalled: bool = False
    """Whether its own progress deadline has passed."""
    unavailable_since_s: float | None = None
    """Since when fewer than the wanted pods are available, as the workload itself says. None: they are."""
    reachable: bool = True
    """Whether its Service selects its pods and leads to a port that they open."""
    rigid: bool = False
    """Of a primary: whether it cannot become what the target declares, and so has to be made anew for it."""
    edited: bool = False
    """Of a primary: whether somebody has changed its template since it was written for its revision."""
    floor: int | None = None
    """The fewest replicas that its autoscaler would keep. None: no autoscaler."""
    held: int | None = None
    """The fewest replicas that its autoscaler was told to keep for the time of a rollout. None: as declared."""
    trouble: Trouble | None = None
    """Why its pods do not run, if that is known."""
    title: str = ""
    """What people call its revision, such as its images. Nothing is decided by it."""

    @property
    def can_serve(self) -> bool:
        """Whether any request can be answered: there is a pod that can, and its Service leads there."""
        return self.available > 0 and self.reachable

    @property
    def all_ready(self) -> bool:
        """Whether every pod that it asks for is there, new and able to answer: it is ready by any measure."""
        same = self.available == self.updated == self.total == self.replicas
        return same and self.replicas > 0 and self.observed and self.reachable and not self.stalled

    @property
    def is_mixed(self) -> bool:
        """Whether pods of an older template are still there: some of the answers may be theirs."""
        return self.total > self.updated or not self.observed


class Unready(enum.Enum):
    """Why a workload is not ready."""

    MISSING = "missing"
    UNOBSERVED = "unobserved"
    """Its numbers are of an older declaration."""
    STALLED = "stalled"
    """It gave up by its own deadline."""
    SCALED_DOWN = "scaled-down"
    OUTDATED = "outdated"
    """It does not run the wanted revision: what should have changed it was refused, or lost, until now."""
    UPDATING = "updating"
    """`have` of `want` pods are of the newest template."""
    TERMINATING = "terminating"
    """`have` pods of older templates are still there."""
    UNAVAILABLE = "unavailable"
    """`have` of `want` updated pods can answer requests."""
    UNREACHABLE = "unreachable"
    """Its pods are ready, but its Service does not lead to them."""


@frozen(kw_only=True, repr=False)
class Readiness(Value):
    """Whether a workload is ready, and if not, why and whether waiting makes sense."""

    cause: Unready | None = None
    """None: it is ready."""
    have: int = 0
    want: int = 0
    retriable: bool = True
    """Whether it may still become ready. False: its time is over."""
    trouble: Trouble | None = None
    """What its pods say about it, if anybody has asked them."""

    @property
    def ready(self) -> bool:
        """Whether it is ready."""
        return self.cause is None


_READY = Readiness()
_MISSING = Readiness(cause=Unready.MISSING)
_UNOBSERVED = Readiness(cause=Unready.UNOBSERVED)
_STALLED = Readiness(cause=Unready.STALLED, retriable=False)
_SCALED_DOWN = Readiness(cause=Unready.SCALED_DOWN)
_UNREACHABLE = Readiness(cause=Unready.UNREACHABLE)


def readiness(workload: Workload | None, *, percent: int, deadline_s: float, now_s: float) -> Readiness:
    """Whether a workload is ready to take traffic.

    Args:
        workload: None if there is none.
        percent: Share of updated pods that must be available, 0-100, rounded down, but at least one pod.
        deadline_s: For how long the workload may say that too few pods are available.
        now_s: The present time.
    """
    if workload is None:
        return _MISSING
    if workload.all_ready:
        return _READY
    found = _readiness(workload, percent=percent, deadline_s=deadline_s, now_s=now_s)
    return found if found.ready or workload.trouble is None else evolve(found, trouble=workload.trouble)


def _readiness(workload: Workload, *, percent: int, deadline_s: float, now_s: float) -> Readiness:
    if not workload.observed:
        return _UNOBSERVED
    if workload.stalled:
        return _STALLED
    if workload.replicas == 0:
        return _SCALED_DOWN
    want = max(1, workload.updated * percent // 100)
    if workload.updated < workload.replicas:
        found = (Unready.UPDATING, workload.updated, workload.replicas)
    elif workload.total > workload.updated:
        found = (Unready.TERMINATING, workload.total - workload.updated, 0)
    elif workload.available < want:
        found = (Unready.UNAVAILABLE, workload.available, workload.updated)
    else:
        return _READY if workload.reachable else _UNREACHABLE
    since = workload.unavailable_since_s
    late = since is not None and now_s - since > deadline_s
    return Readiness(cause=found[0], have=found[1], want=found[2], retriable=not late)
