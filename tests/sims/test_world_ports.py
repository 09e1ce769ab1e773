"""The world in memory keeps the contract of every port."""

from collections.abc import Sequence

from attrs import define, field

from canary_core import (
    Approved,
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    Notice,
    Policy,
    Progressive,
    Refused,
    Request,
    Traffic,
    Unreachable,
)
from canary_ports import Clock, Hooks, MetricSource, Notifier, RolloutStore, RouterPort, WorkloadPort
from canary_sims.harness.contracts import (
    ClockContract,
    HooksContract,
    MetricSourceContract,
    NotifierContract,
    RolloutStoreContract,
    RouterContract,
    WorkloadContract,
)
from canary_sims.world import Autoscaler, Version, World

POLICY = Policy(
    strategy=Progressive(weights=(10, 50)),
    checks=(Check(id="success", kind=CheckKind.SUCCESS_RATE, bound=Bound(minimum=99)),),
    hooks=(Hook(id="gate", type=HookType.CONFIRM_ROLLOUT), Hook(id="listener", type=HookType.EVENT)),
)


def a_world() -> World:
    return World(policy=POLICY, version=Version(revision="v1:one"))


@define
class Door:
    """The back door of a world, for all ports at once."""

    world: World = field(factory=a_world)
    check: str = "success"
    hook: str = "gate"
    listener: str = "listener"
    policy: Policy = POLICY

    @property
    def clock(self) -> Clock:
        return self.world.ports().clock

    @property
    def router(self) -> RouterPort:
        return self.world.ports().router

    @property
    def metrics(self) -> MetricSource:
        return self.world.ports().metrics

    @property
    def hooks(self) -> Hooks:
        return self.world.ports().hooks

    @property
    def store(self) -> RolloutStore:
        return self.world.ports().store

    @property
    def workload(self) -> WorkloadPort:
        return self.world.ports().workload

    @property
    def notifier(self) -> Notifier:
        return self.world.ports().notifier

    def advance(self, seconds: float) -> None:
        self.world.advance(seconds)

    def in_force(self) -> Traffic | None:
        return self.world.traffic

    def edit(self, traffic: Traffic) -> None:
        self.world.traffic = traffic

    def writes(self) -> int:
        return len(self.world.writes)

    def autoscale(self, fewest: int) -> None:
        self.world.autoscaler = Autoscaler(fewest=fewest)

    def has(self, value: float) -> float:
        self.world.source_error, self.world.source_silent = None, False
        rate = 1 - value / 100
        assert self.world.target is not None
        self.world.target.version = Version(revision="v1:one", error_rate=rate)
        self.world.canary_meter.spans.clear()
        self.world.advance(60.0)
        span = self.world.canary_meter.spans[-1]
        return 100.0 * (span.requests - span.errors) / span.requests

    def has_nothing(self) -> None:
        self.world.source_silent = True

    def says(self, *, yes: bool) -> None:
        self.world.hook_answers["gate"] = Approved() if yes else Refused(message="no")

    def asked(self) -> int:
        return len(self.world.asked)

    def redeclare(self) -> None:
        self.world.redeclared = True

    def touch(self) -> None:
        self.world.resource_version += 1

    def ask(self, request: Request) -> None:
        self.world.request = request

    def delete(self) -> None:
        self.world.deleting = True

    def exists(self) -> bool:
        return not self.world.gone

    def declare(self, name: str) -> None:
        self.world.declare(Version(revision=f"v1:{name}"))

    def settle(self) -> None:
        self.world.advance(60.0)

    def edit_primary(self) -> None:
        assert self.world.primary is not None
        self.world.primary.edit(Version(revision="v1:edited", ready_after_s=None), self.world.now_s)

    def delete_target(self) -> None:
        self.world.target = None

    def target_replicas(self) -> int:
        assert self.world.target is not None
        return self.world.target.replicas

    def primary_replicas(self) -> int | None:
        return self.world.primary.replicas if self.world.primary is not None else None

    def primary_runs(self) -> str | None:
        return self.world.primary.version.revision.removeprefix("v1:") if self.world.primary is not None else None


@define
class MetricDoor(Door):
    """A world whose metric source can fail."""

    def is_down(self) -> None:
        self.world.source_error = "connection refused"


@define
class HookDoor(Door):
    """A world whose hooks can fail."""

    def is_down(self) -> None:
        self.world.hook_answers["gate"] = Unreachable(message="connection refused")

    def told(self) -> int:
        return len(self.world.told_to_hooks)


@define
class NotifierDoor(Door):
    """A world whose people can be away."""

    def is_down(self) -> None:
        """In memory there is always somebody."""

    def told(self) -> Sequence[Notice]:
        return [told.notice for told in self.world.told]


class TestClock(ClockContract):
    """Virtual time."""

    def door(self) -> Door:
        return Door()


class TestRouter(RouterContract):
    """The split of a world."""

    writes_only_changes = False  # the world records every call, so that tests see also those without effect

    def door(self) -> Door:
        return Door()


class TestMetricSource(MetricSourceContract):
    """What the requests of a world come to."""

    def door(self) -> MetricDoor:
        return MetricDoor()


class TestHooks(HooksContract):
    """Answers that a scenario sets."""

    def door(self) -> HookDoor:
        return HookDoor()


class TestNotifier(NotifierContract):
    """A list."""

    def door(self) -> NotifierDoor:
        return NotifierDoor()


class TestRolloutStore(RolloutStoreContract):
    """A field with a version."""

    def door(self) -> Door:
        return Door()


class TestWorkload(WorkloadContract):
    """Two deployments in memory."""

    def door(self) -> Door:
        return Door()
