"""What may happen to a simulated service, as closed classes. Times are seconds since the simulation began."""

import enum
from typing import TypeAlias

from attrs import field, frozen

from canary_core import Verb
from canary_sims.faults.plan import Plan
from canary_sims.world import Autoscaler

__all__ = [
    "Answer",
    "AnswerHook",
    "Behaviour",
    "ChangeCanary",
    "ChangePrimary",
    "CreepLatency",
    "Declare",
    "Delete",
    "EditRoutes",
    "Event",
    "Happening",
    "MakeRequest",
    "Metrics",
    "Scale",
    "Scenario",
    "SetMetrics",
    "SetRate",
    "Suspend",
]


class Metrics(enum.Enum):
    """What the metric source does."""

    UP = "up"
    """It answers."""
    DOWN = "down"
    """It does not answer."""
    SILENT = "silent"
    """It answers that it has no data."""


class Answer(enum.Enum):
    """What a hook says."""

    APPROVE = "approve"
    REFUSE = "refuse"
    UNREACHABLE = "unreachable"


@frozen(kw_only=True)
class Behaviour:
    """How a revision of the app behaves. None: as before, or for a new revision the usual."""

    error_rate: float | None = None
    """Share of requests that are answered with a server error, 0-1."""
    latency_ms: float | None = None
    """99th percentile of the time to answer."""
    ready_after_s: float | None = None
    """From a pod's start to its readiness. Infinite: never."""


@frozen(kw_only=True)
class Declare:
    """The user declares a revision: a new image, or one that was declared before."""

    revision: str
    behaviour: Behaviour = field(factory=Behaviour)


@frozen(kw_only=True)
class ChangeCanary:
    """The revision that is declared now begins to behave in another way, wherever it runs."""

    behaviour: Behaviour = field(factory=Behaviour)
    crash: bool | None = None
    """Whether all pods of the canary crash. None: as before."""


@frozen(kw_only=True)
class CreepLatency:
    """The revision that is declared now gets slower and slower, wherever it runs, until another one is declared."""

    by_ms: float
    every_s: float
    up_to_ms: float | None = None
    """Where it ends. None: nowhere."""


@frozen(kw_only=True)
class ChangePrimary:
    """The primary's pods start, or fail, in another way, whatever their revision."""

    ready_after_s: float | None = None
    """From a pod's start to its readiness. Infinite: never. None: as before."""
    crash: bool | None = None
    """Whether all pods of the primary crash. None: as before."""
    replicas: int | None = None
    """Somebody changes the number of the primary's pods by hand to this. None: nobody does."""


@frozen(kw_only=True)
class SetMetrics:
    """The metric source begins to answer, or stops."""

    state: Metrics


@frozen(kw_only=True)
class AnswerHook:
    """A hook begins to answer so. Before, every hook approves, but for rollback hooks, which refuse."""

    name: str
    answer: Answer


@frozen(kw_only=True)
class EditRoutes:
    """Somebody changes the routes by hand."""

    canary_weight: int


@frozen(kw_only=True)
class MakeRequest:
    """Somebody asks the controller for something."""

    verb: Verb


@frozen(kw_only=True)
class Suspend:
    """The policy is suspended, or no longer."""

    on: bool


@frozen(kw_only=True)
class SetRate:
    """Users begin to send so many requests per second, all together."""

    rate: float


@frozen(kw_only=True)
class Scale:
    """Somebody changes the number of the target's pods by hand."""

    replicas: int


@frozen(kw_only=True)
class Delete:
    """Somebody deletes the canary object; the target stays."""


Happening: TypeAlias = (
    Declare
    | ChangeCanary
    | CreepLatency
    | ChangePrimary
    | SetMetrics
    | AnswerHook
    | EditRoutes
    | MakeRequest
    | Suspend
    | SetRate
    | Scale
    | Delete
)


@frozen(kw_only=True)
class Event:
    """Something that happens at a certain time."""

    at_s: float
    """Seconds since the simulation began. A tick of the same moment comes before it."""
    what: Happening


_USUAL = Behaviour(error_rate=0.0, latency_ms=20.0, ready_after_s=5.0)


@frozen(kw_only=True)
class Scenario:
    """A service, and what happens to it."""

    description: str = ""
    initialized: bool = True
    """Whether the simulation begins with an initialised canary that waits for a revision, or with a new object."""
    replicas: int = 2
    """Pods that the target asks for, if it has no autoscaler."""
    autoscaler: Autoscaler | None = None
    """Of target and primary. Both begin with the pods that it wants for the first load. None: there is none."""
    rate: float = 100.0
    """Requests of users per second, all together."""
    test_rate: float = 20.0
    """Requests per second that the load test sends straight to the canary, if the canary object declares a webhook of
    type ``rollout``, which is taken for a load test."""
    matched_share: float = 0.2
    """Share of requests that match the conditions of the canary's routes, 0-1."""
    revision: str = "v1"
    """What runs, and is declared, in the beginning."""
    behaviour: Behaviour = _USUAL
    """Of that revision, and of each later one where nothing else is said."""
    events: tuple[Event, ...] = ()
    """In any order; those of the same time happen in this one."""
    faults: Plan = field(factory=Plan)
    """What goes wrong around the controller meanwhile."""
    source: str = field(default="scenario", eq=False)
    """What to call it in messages: the file that it was read from."""
