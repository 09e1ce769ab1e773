"""What a simulation leaves behind: one record per tick, and how it ended. Values only; nothing here runs anything."""

import enum

from attrs import frozen

from canary_core import Check, Counts, Measurement, Notice, Outcome, Phase, Policy, Rollout, Traffic, Verdict
from canary_core.messages import Names
from canary_sims.faults import Struck
from canary_sims.scenario import Happening, Scenario

__all__ = ["Ending", "Happened", "Measured", "Pods", "Result", "Run", "Served", "TickRecord"]


class Result(enum.Enum):
    """How a simulation ended."""

    PROMOTED = "promoted"
    """The last revision that was declared runs everywhere."""
    WITHDRAWN = "withdrawn"
    """The revision that ran before was declared again, and the rollout ended without a promotion."""
    UNCHANGED = "unchanged"
    """No rollout took place: no revision was declared."""
    ROLLED_BACK = "rolled-back"
    """The new revision was taken out of service."""
    PROMOTION_FAILED = "promotion-failed"
    """The new revision was found good, but the primary did not become ready with it."""
    INITIALIZATION_FAILED = "initialization-failed"
    """The first primary did not become ready."""
    DELETED = "deleted"
    """The canary object was deleted, and let go."""
    UNFINISHED = "unfinished"
    """Nothing moved any more, and nothing was going to happen."""

    @property
    def is_good(self) -> bool:
        """Whether a release that ended so may be called a success."""
        return self in {Result.PROMOTED, Result.WITHDRAWN, Result.UNCHANGED, Result.DELETED}


@frozen(kw_only=True)
class Measured:
    """A check, what the metric source answered, and the verdict on it."""

    check: Check
    measurement: Measurement
    verdict: Verdict


@frozen(kw_only=True)
class Happened:
    """Something that the scenario did, or that went wrong around the controller."""

    time_s: float
    what: Happening | Struck


@frozen(kw_only=True)
class Pods:
    """The pods of a workload."""

    revision: str | None = None
    """What it declares. None: there is no such workload."""
    wanted: int = 0
    """Asked for."""
    ready: int = 0
    """Able to answer requests."""


@frozen(kw_only=True)
class TickRecord:
    """One call of the controller, and what the service was like right after it."""

    time_s: float
    """Seconds since the simulation began."""
    rollout: Rollout
    """As it was stored."""
    weight: int
    """What the column WEIGHT of ``kubectl get canary`` shows, percent."""
    traffic: Traffic | None
    """The split in force. None: there are no routes yet."""
    primary: Pods
    canary: Pods
    measured: tuple[Measured, ...]
    """What was measured for this decision; empty if nothing had to be."""
    reason: Notice
    """Why the rollout is where it is."""
    notices: tuple[Notice, ...]
    """What people were told, in order."""
    happened: tuple[Happened, ...]
    """What the scenario did, and what went wrong, since the tick before."""

    @property
    def phase(self) -> Phase:
        """Where the rollout stands."""
        return self.rollout.phase

    @property
    def counts(self) -> Counts:
        """Checks that did not pass so far."""
        return self.rollout.counts


@frozen(kw_only=True)
class Served:
    """Requests of users that one revision answered, or should have."""

    revision: str | None
    """None: they were routed to pods of which none could answer."""
    requests: int
    failed: int


@frozen(kw_only=True)
class Ending:
    """How a simulation ended, and what it cost."""

    result: Result
    cause: Outcome | None
    """How the last rollout ended, in the machine's words."""
    phase: Phase
    begun_s: float
    """When the first revision was declared; 0 if none was."""
    ended_s: float
    """When the last rollout had ended, or the simulation gave up."""
    served: tuple[Served, ...]
    """By revision, in the order of their first request."""
    failed_on_canary: int
    """Of the failed requests of users, those that had been routed to the canary."""
    copied: int
    """Requests that were copied to the canary; no user saw their answers."""

    @property
    def duration_s(self) -> float:
        """How long it took, from the first revision to the end."""
        return self.ended_s - self.begun_s

    @property
    def requests(self) -> int:
        """Requests of users, all together."""
        return sum(each.requests for each in self.served)

    @property
    def failed(self) -> int:
        """Requests of users that failed, all together."""
        return sum(each.failed for each in self.served)

    @property
    def exit_code(self) -> int:
        """0 if the rollout did what it was to do, else 1."""
        return 0 if self.result.is_good else 1


@frozen(kw_only=True)
class Run:
    """A whole simulation."""

    policy: Policy
    scenario: Scenario
    names: Names
    seed: int
    ticks: tuple[TickRecord, ...]
    """Of the wake-ups, those that came to an end."""
    ending: Ending
    broken: tuple[str, ...] = ()
    """Invariants that did not hold; looked for if the scenario has faults."""

    @property
    def exit_code(self) -> int:
        """0 if the rollout did what it was to do and nothing was broken, else 1."""
        return 1 if self.broken else self.ending.exit_code
