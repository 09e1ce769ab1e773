"""Notices of what was put right: what it was, what it is now, and whether its owner had changed it."""

from attrs import frozen

from canary_core.traffic import Traffic
from canary_core.values import Value

__all__ = ["CanaryRescaled", "PrimaryRescaled", "RoutesCorrected", "RoutesRedeclared"]


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
class PrimaryRescaled(Value):
    """Somebody had scaled the primary to nothing; it is scaled up again (own)."""

    wanted: int
