"""What a router, a metric source or a notifier says of itself: what it watches, what it may do, how it is made.

Those of this package and those that others add are found alike, by entry points (see `controller.registry`):

| group | makes | its name is |
| --- | --- | --- |
| ``canary.routers`` | `canary_ports.RouterPort` | a value of ``spec.provider`` |
| ``canary.metrics`` | `canary_ports.MetricSource` | a type of a MetricTemplate's provider |
| ``canary.notifiers`` | `canary_ports.Notifier` | any |
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from attrs import frozen

from canary_adapters.kubernetes.resources import Ref, Resource
from canary_adapters.manifests import Canary
from canary_core import Obstacle
from canary_ports import RefusedError

if TYPE_CHECKING:
    from canary_adapters.background import Background
    from canary_adapters.controller.options import Options
    from canary_adapters.kubernetes.cluster import Cluster
    from canary_adapters.kubernetes.references import References
    from canary_adapters.webhook import HttpPool
    from canary_core import Policy
    from canary_core.messages import Names

__all__ = ["Extension", "Given", "GivesWay", "Objects", "Right"]

Made = TypeVar("Made", covariant=True)  # noqa: PLC0105 - short in every signature


@frozen
class Right:
    """A kind of object, and what is done with it."""

    resource: Resource
    verbs: tuple[str, ...]
    """As in a Role: ``get``, ``list``, ``watch``, ``create``, ``update``, ``patch``, ``delete``."""
    subresource: str = ""
    """Such as ``status``."""

    @property
    def is_watched(self) -> bool:
        """Whether the controller keeps a cache of these objects."""
        return "watch" in self.verbs


@frozen(kw_only=True)
class Given:
    """What something is made from, for one canary and one tick."""

    cluster: "Cluster"
    """Reads what is watched, and writes."""
    canary: Canary
    """As it is declared now."""
    policy: "Policy"
    """What that means."""
    names: "Names"
    """What people call it."""
    options: "Options"
    """What the installation decides."""
    references: "References"
    """Objects that a canary refers to."""
    http: "HttpPool"
    """Connections to addresses that users declare."""
    background: "Background"
    """Sends what nobody waits for."""


@runtime_checkable
class Objects(Protocol):
    """A router that can tell beforehand why no rollout should begin."""

    def objection(self) -> RefusedError | None:
        """Why. None: it may."""
        ...


@runtime_checkable
class GivesWay(Protocol):
    """A router that takes back what it must not have any more, whatever the state of the rollout."""

    def give_way(self) -> None:
        """Take it back; nothing is written if there is nothing of the kind.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        ...


class Extension(ABC, Generic[Made]):
    """One per process; made without arguments when the controller starts."""

    rights: ClassVar[tuple[Right, ...]] = ()
    """All that it needs. What is watched among it is read from a cache, and a change wakes the canaries of `refs`."""
    rehearses: ClassVar[bool] = False
    """Of a router: whether all that it does goes through `Given.cluster`, so that it can be tried on a dry run."""

    def refs(self, canary: Canary) -> Iterable[Ref]:  # noqa: ARG002 - for those that depend on objects
        """The objects of which a change concerns this canary."""
        return ()

    @abstractmethod
    def make(self, given: Given) -> Made:
        """What serves one canary for one tick.

        Raises:
            RefusedError: What is declared cannot be served.
        """

    def obstacles(self, given: Given) -> Iterable[Obstacle]:  # noqa: ARG002 - for those that can tell beforehand
        """What it would have to refuse for this canary, as far as that can be told without a request."""
        return ()

    def close(self) -> None:
        """Close what it holds. The process ends."""
