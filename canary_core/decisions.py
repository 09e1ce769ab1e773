"""What is to be done to the outside: absolute and idempotent. Twice is the same as once, late as good as soon."""

from typing import TypeAlias

from attrs import field, frozen

from canary_core.notices import Notice
from canary_core.rollout import Rollout
from canary_core.traffic import Traffic
from canary_core.values import Bare, Value

__all__ = [
    "Decision",
    "DropFormer",
    "EnsurePrimary",
    "HoldPrimary",
    "PromotePrimary",
    "ReleaseObject",
    "ReleaseTraffic",
    "RemovePrimary",
    "RestorePrimary",
    "ScaleCanary",
    "ScalePrimary",
    "SetTraffic",
    "Step",
]


@frozen(kw_only=True, eq=False, repr=False)
class EnsurePrimary(Value):
    """Have a primary that runs this revision of the target, with its services. It has no traffic of ours yet."""

    revision: str
    """To be refused by the adapter if the target is not (or no longer) this revision, and none is kept of it."""
    replicas: int


@frozen(kw_only=True, eq=False, repr=False)
class PromotePrimary(Value):
    """Have the primary run this revision of the target, in place of the one that it runs."""

    revision: str
    """To be refused by the adapter if the target is not (or no longer) this revision."""
    replicas: int | None
    """None: left alone, an autoscaler owns it."""


@frozen(kw_only=True, eq=False, repr=False)
class HoldPrimary(Value):
    """Have the primary's autoscaler keep so many pods, so that they are there when the traffic comes back."""

    replicas: int | None
    """None: as few as declared."""


class DropFormer(Bare):
    """Take away what was made for a target that was declared before: another one has its traffic by now."""


@frozen(kw_only=True, eq=False, repr=False)
class RestorePrimary(Value):
    """Have the primary's template as it was written for this revision: somebody has changed it since."""

    revision: str
    """To be refused by the adapter if nothing is kept of what was written, and the target is another revision."""


class RemovePrimary(Bare):
    """Take the primary away, which has no traffic, to be made anew: it cannot become what is wanted in place."""


@frozen(kw_only=True, eq=False, repr=False)
class ScalePrimary(Value):
    """Have the primary ask for so many pods again: somebody has taken all of them away."""

    replicas: int


@frozen(kw_only=True, eq=False, repr=False)
class ScaleCanary(Value):
    """Have the target ask for so many pods."""

    replicas: int


@frozen(kw_only=True, eq=False, repr=False)
class SetTraffic(Value):
    """Have this split in force, routing objects included."""

    traffic: Traffic


class ReleaseTraffic(Bare):
    """Give the routes back as they were before us, or point them all at the target."""


class ReleaseObject(Bare):
    """Let the canary object go: nothing of ours is left to undo."""


Decision: TypeAlias = (
    EnsurePrimary
    | PromotePrimary
    | RemovePrimary
    | RestorePrimary
    | ScalePrimary
    | HoldPrimary
    | ScaleCanary
    | SetTraffic
    | ReleaseTraffic
    | ReleaseObject
    | DropFormer
)


@frozen(kw_only=True, repr=False)
class Step(Value):
    """What the machine decided, and why."""

    rollout: Rollout
    """To be stored before anything is done. Nothing to store if it equals the one that was given."""
    decisions: tuple[Decision, ...] = field(default=())
    """To be carried out in this order, after the rollout has been stored."""
    notices: tuple[Notice, ...] = field(default=())
    """To be told after the rollout has been stored. Each is of this transition and comes once."""
    reason: Notice
    """Why it decided so. Always there, also when there is nothing to tell."""
    next_s: float | None = None
    """When to call again at the latest, if nothing changes before. In the past: at once. None: no need to."""
