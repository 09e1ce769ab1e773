"""What the outside looked like, this once: an observation, taken by a driver, that the machine decides on."""

from attrs import field, frozen

from canary_core.obstacle import Obstacle
from canary_core.questions import Answered
from canary_core.requests import Request
from canary_core.traffic import Traffic
from canary_core.values import Value
from canary_core.workload import Workload

__all__ = ["Observation"]


@frozen(kw_only=True, repr=False)
class Observation(Value):
    """What the outside looked like this time.

    A driver takes it anew for each decision. It must be at least as new as the last write that the driver itself
    made and had acknowledged.
    """

    now_s: float
    canary: Workload | None = None
    """The target: what the user declares and owns. None: there is none."""
    primary: Workload | None = None
    routes: Traffic | None = None
    """The split in force. None: there are no routes of ours."""
    request: Request | None = None
    deleting: bool = False
    """Whether the canary object is being deleted and waits for us to give back what we changed."""
    redeclared: bool = False
    """Whether the owner has changed what the canary object declares since it was last acted upon."""
    obstacles: tuple[Obstacle, ...] = field(default=())
    """What is not as it must be, the worst first."""
    kept: frozenset[str] = field(default=frozenset())
    """Fingerprints of revisions that a primary could be made from although the target is another one by now."""
    former: bool = False
    """Whether something is still there of a target that was declared before, which has no traffic any more."""
    answers: tuple[Answered, ...] = field(default=())
    """To the questions of an `Ask`, and to no older ones."""
