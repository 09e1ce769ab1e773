"""What must survive a restart: where a rollout stands and what it intends. Exactly this is written to ``.status``."""

import enum
from typing import Any, Final

from attrs import field, fields, frozen

from canary_core.notices import Notice
from canary_core.obstacle import Obstacle
from canary_core.phases import Phase
from canary_core.requests import Reply
from canary_core.traffic import Traffic
from canary_core.values import Value
from canary_core.workload import Trouble

__all__ = ["Counts", "KnownGood", "Outcome", "Rollout", "Wait", "Waiting"]


class KnownGood(enum.Enum):
    """Which workload holds a revision that has proved itself, and so may take all the traffic."""

    PRIMARY = "primary"
    CANARY = "canary"
    NONE = "none"


class Outcome(enum.Enum):
    """How the last rollout ended."""

    COMPLETED = "completed"
    """Analysed and promoted."""
    SKIPPED = "skipped"
    """Promoted without (the rest of) an analysis."""
    WITHDRAWN = "withdrawn"
    """The promoted revision was declared again before the new one had been promoted."""
    CHECKS = "checks"
    """A budget of checks was used up."""
    DEADLINE = "deadline"
    """A workload did not become ready in time."""
    HOOK = "hook"
    """A rollback hook asked for it."""
    APPROVAL = "approval"
    """A gate stayed closed for longer than declared."""
    ABORTED = "aborted"
    """A person asked for it."""
    PROMOTION = "promotion"
    """The new revision proved itself, but the primary did not become ready with it. The canary has the traffic."""
    INITIALIZATION = "initialization"
    """The first primary did not become ready. Nothing else was touched."""


class Wait(enum.Enum):
    """What a rollout waits for."""

    TARGET = "target"
    PRIMARY = "primary"
    CANARY = "canary"
    APPROVAL = "approval"
    LOST = "lost"
    """A workload that had traffic and cannot serve: its share is with the other one until it can."""
    ROUTES = "routes"
    """A split that is not in force, although it was asked for."""


@frozen(kw_only=True, repr=False)
class Waiting(Value):
    """A wait that has begun, and that people have been told of."""

    on: Wait
    since_s: float
    trouble: Trouble | None = None
    """What people were told last of why the pods that are waited for do not run."""


@frozen(kw_only=True, repr=False)
class Counts(Value):
    """Checks that did not pass, since the analysis began. A success never lowers them."""

    failed: int = 0
    no_data: int = 0
    """Only with a budget of its own (`Policy.no_data_threshold`), else counted as failed."""
    errors: int = 0
    """Only with a budget of its own (`Policy.error_threshold`), else counted as failed."""

    @property
    def any(self) -> bool:
        """Whether anything did not pass."""
        return self.failed > 0 or self.no_data > 0 or self.errors > 0


_NO_COUNTS = Counts()
_PRIMARY_ONLY = Traffic()


@frozen(kw_only=True, slots=False, repr=False)  # with a dict, for `but`
class Rollout(Value):
    """Where a rollout stands, and what it intends. All times are seconds on the driver's clock."""

    phase: Phase = Phase.INITIALIZING
    traffic: Traffic = _PRIMARY_ONLY
    """The split that is to be in force."""
    iterations: int = 0
    """Iterations done, for A/B and blue/green. One more than declared: all traffic was given to the canary."""
    counts: Counts = _NO_COUNTS
    started: bool = False
    """Whether the analysis has begun: pre-rollout hooks have passed."""
    attempt: int = 0
    """How many analyses this step has had already. Part of the identity of a hook call."""
    applied: str | None = None
    """Fingerprint of the revision that was last acted upon: under analysis, promoted or failed."""
    promoted: str | None = None
    """Fingerprint of the revision that the primary holds by a finished promotion."""
    known_good: KnownGood = KnownGood.CANARY
    """Where traffic can go back to. Before the first promotion that is what the user runs already."""
    outcome: Outcome | None = None
    waiting: Waiting | None = None
    since_s: float = 0.0
    """When the present measurement began: the split came into force, or the last analysis was made."""
    changed_s: float = 0.0
    """When the phase changed."""
    kept_s: float = 0.0
    """When something was put back last that somebody had changed while nothing was going on."""
    paused: bool = False
    """A person asked to hold: no step forward, but checks go on and can roll back."""
    suspended: bool = False
    """Whether it has been told that the policy is suspended."""
    reverted: bool = False
    """After a failure: whether the promoted revision is declared again, so that the primary runs what is declared."""
    skipped: bool = False
    """The rest of the analysis is left out: declared, or a person asked for it."""
    replicas: int = 0
    """How many pods the primary asked for when the phase last changed, to have it made anew if it gets lost."""
    away_s: float = 0.0
    """For how long, in this analysis, a workload was without its traffic because it could not serve, seconds."""
    obstacle: Obstacle | None = None
    """What people were told last of what is in the way."""
    request: str | None = None
    """Identity of the last request of a person that was dealt with."""
    reply: Reply | None = None
    """What was answered to it, for whoever has asked."""
    pending: tuple[Notice, ...] = field(default=())
    """What is to be told of the end of a phase; emptied when it has been told, so that a crash loses none."""

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do until something changes outside."""
        return self.phase in Phase.settled() and not self.pending

    def but(self, **changes: Any) -> "Rollout":
        """This rollout with other values: `attrs.evolve`, in a fifth of its time, for this class has no validators.

        Raises:
            TypeError: There is no such field.
        """
        new = object.__new__(Rollout)
        values = new.__dict__
        values.update(self.__dict__, **changes)
        if len(values) != _WIDTH:
            raise TypeError(f"a rollout has no {', '.join(sorted(values.keys() - self.__dict__.keys()))}")
        return new


_WIDTH: Final = len(fields(Rollout))
