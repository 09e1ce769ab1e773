"""What others have done to a rollout, and what was done about it: the notices of `canary_core.notices` on that."""

from attrs import frozen

from canary_core.obstacle import Obstacle
from canary_core.traffic import Traffic
from canary_core.values import Bare, Value
from canary_core.workload import Readiness

__all__ = [
    "CanaryLost",
    "CanaryRescaled",
    "Obstructed",
    "PrimaryLost",
    "PrimaryRemade",
    "PrimaryRescaled",
    "PrimaryRestored",
    "RoutesCorrected",
    "RoutesNotInForce",
    "RoutesRedeclared",
]


@frozen(kw_only=True, eq=False, repr=False)
class RoutesCorrected(Value):
    """The split in force was not the one intended, and was put back."""

    found: Traffic | None
    """None: it cannot be read, for routes or Services are gone, or are not as they are declared."""
    wanted: Traffic


@frozen(kw_only=True, eq=False, repr=False)
class RoutesRedeclared(Value):
    """The owner changed the canary, and routes and Services were made as it declares now (own)."""

    wanted: Traffic


@frozen(kw_only=True, eq=False, repr=False)
class CanaryRescaled(Value):
    """The target had another number of replicas than the rollout needs."""

    found: int
    wanted: int


@frozen(kw_only=True, eq=False, repr=False)
class CanaryLost(Value):
    """No request to the canary can be answered; its share goes to the primary until it can (own)."""

    readiness: Readiness


@frozen(kw_only=True, eq=False, repr=False)
class PrimaryLost(Value):
    """No request to the primary can be answered; all traffic goes to the canary until it can (own)."""

    readiness: Readiness


@frozen(kw_only=True, eq=False, repr=False)
class PrimaryRescaled(Value):
    """Somebody had scaled the primary to nothing; it is scaled up again (own)."""

    wanted: int


class PrimaryRestored(Bare):
    """Somebody had changed the primary's template, and it was set back (own)."""


class PrimaryRemade(Bare):
    """The primary cannot become the new revision in place; it is made anew while the canary has all traffic (own)."""


@frozen(kw_only=True, eq=False, repr=False)
class RoutesNotInForce(Value):
    """A split that was asked for did not come into force in time (own)."""

    wanted: Traffic


@frozen(kw_only=True, eq=False, repr=False)
class Obstructed(Value):
    """Something cannot be read, found or served as it is declared (own)."""

    obstacle: Obstacle
