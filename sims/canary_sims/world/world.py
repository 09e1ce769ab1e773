"""A service under virtual time, with everything that a rollout touches: the ports' in-memory implementation.

Deterministic from its seed. Nothing in it decides anything about a rollout: it is what the driver is tested against,
and the truth that invariants are checked on.
"""

import copy
import random
from collections.abc import Callable
from typing import Self, TypeVar

from attrs import define, evolve, field, frozen

from canary_core import (
    Approved,
    HookQuestion,
    Measurement,
    MetricQuestion,
    NoData,
    Notice,
    Obstacle,
    Policy,
    Record,
    Refused,
    Request,
    Rollout,
    SourceError,
    SourcesOnline,
    Traffic,
    Unreachable,
)
from canary_ports import (
    ConflictError,
    GoneError,
    Ports,
    RefusedError,
    RevisionChangedError,
    Stored,
    Workloads,
)
from canary_sims.world.autoscaler import Autoscaler
from canary_sims.world.deployment import Deployment, Version
from canary_sims.world.traffic import Meter, share

__all__ = ["Faults", "HookAnswer", "Told", "World"]

HookAnswer = Approved | Refused | Unreachable
_T = TypeVar("_T")


class Faults:
    """What may go wrong at a port call: override and raise. Named ``port.method``."""

    def before(self, call: str) -> None:
        """Raise here, and the call has no effect."""

    def after(self, call: str) -> None:
        """Raise here, and the call had its effect but its answer is lost."""


@frozen(kw_only=True)
class Told:
    """A notice that reached the notifier."""

    at_s: float
    notice: Notice
    rollout: Rollout


@define(kw_only=True)
class World:
    """One app, its users, its monitoring and its gates.

    Attributes that a scenario changes are plain; what the ports change goes through `ports`.
    """

    policy: Policy
    version: Version
    """What runs, and is declared, before the first rollout."""
    replicas: int = 2
    seed: int = 0
    autoscaler: Autoscaler | None = None
    """Of the target; the primary has a copy of it. It acts when it is told to: `autoscale`."""
    rate: float = 100.0
    """Requests of users per second."""
    test_rate: float = 0.0
    """Requests per second that a load test sends straight to the canary, past the routes."""
    matched_share: float = 0.2
    """Share of requests that match the declared conditions."""
    now_s: float = 0.0
    faults: Faults = field(factory=Faults)
    observers: list[Callable[["World"], None]] = field(factory=list)
    """Called after every change of anything that users could notice."""

    target: Deployment | None = field(init=False)
    primary: Deployment | None = field(default=None, init=False)
    kept: dict[str, Version] = field(factory=dict, init=False)
    """Versions of the target whose templates are still there, by revision."""
    former: bool = field(default=False, init=False)
    """Whether something of a target that was declared before is still there."""
    obstacles: tuple[Obstacle, ...] = field(default=(), init=False)
    """What is not as it must be around it."""
    refused: dict[str, RefusedError] = field(factory=dict, init=False)
    """Port calls that are refused, by name."""
    held: int | None = field(default=None, init=False)
    """What the primary's autoscaler was told to keep for the time of a rollout."""
    traffic: Traffic | None = field(default=None, init=False)
    rollout: Rollout = field(factory=Rollout, init=False)
    record: Record = field(factory=Record, init=False)
    resource_version: int = field(default=1, init=False)
    request: Request | None = field(default=None, init=False)
    redeclared: bool = field(default=False, init=False)
    """Whether the policy, or what the routes are made from, was declared anew since a rollout was last saved."""
    deleting: bool = field(default=False, init=False)
    gone: bool = field(default=False, init=False)
    source_error: str | None = field(default=None, init=False)
    """If set, the metric source answers with this error."""
    source_silent: bool = field(default=False, init=False)
    """If set, the metric source has no data."""
    hook_answers: dict[str, HookAnswer] = field(factory=dict, init=False)
    """Answers by id of the hook; a hook that is not here approves, so a rollback hook must be set to refuse."""
    asked: list[HookQuestion] = field(factory=list, init=False)
    told: list[Told] = field(factory=list, init=False)
    told_to_hooks: list[tuple[str, Notice]] = field(factory=list, init=False)
    writes: list[str] = field(factory=list, init=False)
    """Port calls that changed something."""
    primary_meter: Meter = field(init=False)
    canary_meter: Meter = field(init=False)
    start_primary_after_s: float | None = field(default=None, init=False)
    """If set, how long the primary's pods take to become ready, whatever their version."""
    primary_never_ready: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.target = Deployment(version=self.version, replicas=self.replicas, changed_s=self.now_s - 1e6, old=None)
        self.kept[self.version.revision] = self.version
        self.primary_meter = Meter(random.Random(f"{self.seed}-primary"))
        self.canary_meter = Meter(random.Random(f"{self.seed}-canary"))

    # -- What a scenario does ---------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass; users send requests meanwhile, in a world that does not change."""
        start_s, end_s = self.now_s, self.now_s + seconds
        to_primary, to_canary = share(self.traffic, matched_share=self.matched_share)
        primary = self.primary.serving(start_s) if self.primary is not None else None
        target = self.target.serving(start_s) if self.target is not None else None
        self.primary_meter.count(start_s, end_s, self.rate * to_primary, primary)
        self.canary_meter.count(start_s, end_s, self.rate * to_canary, target)
        if self.test_rate and target is not None:
            self.canary_meter.count(start_s, end_s, self.test_rate, target, of_users=False)
        self.now_s = end_s
        self.changed()

    def declare(self, version: Version) -> None:
        """The user declares another revision: the target rolls to it."""
        if self.target is not None:
            self.target.update(version, self.now_s)
            self.kept[version.revision] = version
        self.changed()

    def autoscale(self) -> None:
        """Let both autoscalers look once at what reaches their workload, and scale it."""
        scaler = self.autoscaler
        if scaler is None:
            return
        to_primary, to_canary = share(self.traffic, matched_share=self.matched_share)
        if self.primary is not None:
            scaler.sync(self.primary, self.rate * to_primary, self.now_s, held=self.held)
        if self.target is not None:
            scaler.sync(self.target, self.rate * to_canary + self.test_rate, self.now_s)
        self.changed()

    def changed(self) -> None:
        """Let the observers look."""
        for observer in self.observers:
            observer(self)

    def fork(self) -> Self:
        """Another world that is as this one is, without its observers and faults."""
        found = copy.copy(self)
        found.faults, found.observers = Faults(), []
        found.target, found.primary = copy.copy(self.target), copy.copy(self.primary)
        found.primary_meter, found.canary_meter = self.primary_meter.fork(), self.canary_meter.fork()
        found.hook_answers, found.kept, found.refused = dict(self.hook_answers), dict(self.kept), dict(self.refused)
        found.asked, found.told = list(self.asked), list(self.told)
        found.told_to_hooks, found.writes = list(self.told_to_hooks), list(self.writes)
        return found

    def ports(self) -> Ports:
        """This world as the driver sees it."""
        return Ports(
            workload=_Workload(self),
            router=_Router(self),
            metrics=_Metrics(self),
            hooks=_Hooks(self),
            store=_Store(self),
            notifier=_Notifier(self),
            clock=_Clock(self),
            obstacles=lambda: self.obstacles,
        )

    def call(self, name: str, effect: Callable[[], _T]) -> _T:
        """A port call, with the faults that are planned for it."""
        self.faults.before(name)
        if name in self.refused:
            raise self.refused[name]
        result = effect()
        self.faults.after(name)
        return result

    def write(self, name: str, effect: Callable[[], None]) -> None:
        """A port call that changes something."""

        def recorded() -> None:
            effect()
            self.writes.append(name)
            self.changed()

        self.call(name, recorded)


@define
class _Facet:
    world: World


class _Clock(_Facet):
    def now_s(self) -> float:
        return self.world.now_s


class _Workload(_Facet):
    def observe(self) -> Workloads:
        return self.world.call("workload.observe", self._observe)

    def _observe(self) -> Workloads:
        world = self.world
        target, primary = world.target, world.primary
        canary = target.observe(world.now_s, target.version.revision) if target is not None else None
        stable = primary.observe(world.now_s, primary.source) if primary is not None else None
        if world.autoscaler is not None:
            fewest, kept = world.autoscaler.kept(None), world.autoscaler.kept(world.held)
            canary = evolve(canary, floor=fewest) if canary is not None else None
            stable = evolve(stable, floor=kept, held=world.held) if stable is not None else None
        return Workloads(canary=canary, primary=stable, former=world.former)

    def kept(self) -> frozenset[str]:
        return frozenset(self.world.kept) if self.world.target is not None else frozenset()

    def ensure_primary(self, revision: str, replicas: int) -> None:
        def effect() -> None:
            world = self.world
            version = self._version(revision)
            if world.primary is None:
                world.primary = Deployment(version=version, replicas=replicas, changed_s=world.now_s, source=revision)
            elif world.primary.source != revision:
                world.primary.update(version, world.now_s)
                world.primary.source = revision

        self.world.write("workload.ensure_primary", effect)

    def promote(self, revision: str, replicas: int | None) -> None:
        def effect() -> None:
            world = self.world
            version = self._version(revision)
            if world.primary is None:
                raise RevisionChangedError(revision)
            world.primary.update(version, world.now_s)
            world.primary.source = revision
            if replicas is not None:
                world.primary.scale(replicas, world.now_s)

        self.world.write("workload.promote", effect)

    def _version(self, revision: str) -> Version:
        """What the primary will run: the target's version, if that is still the wanted one, or one that is kept."""
        target = self.world.target
        declared = target is not None and target.version.revision == revision
        version = target.version if target is not None and declared else self.world.kept.get(revision)
        if target is None or version is None or (self.world.primary is not None and not declared):
            raise RevisionChangedError(revision)
        if self.world.primary_never_ready:
            return evolve(version, ready_after_s=None)
        after = self.world.start_primary_after_s
        return version if after is None else evolve(version, ready_after_s=after)

    def hold_primary(self, replicas: int | None) -> None:
        def effect() -> None:
            if self.world.autoscaler is not None and self.world.primary is not None:
                self.world.held = replicas

        self.world.write("workload.hold_primary", effect)

    def drop_former(self) -> None:
        def effect() -> None:
            self.world.former = False

        self.world.write("workload.drop_former", effect)

    def remove_primary(self) -> None:
        def effect() -> None:
            self.world.primary = None

        self.world.write("workload.remove_primary", effect)

    def restore_primary(self, revision: str) -> None:  # noqa: ARG002 - what was written is kept
        def effect() -> None:
            if self.world.primary is not None:
                self.world.primary.restore(self.world.now_s)

        self.world.write("workload.restore_primary", effect)

    def scale_primary(self, replicas: int) -> None:
        def effect() -> None:
            if self.world.primary is not None:
                self.world.primary.scale(replicas, self.world.now_s)

        self.world.write("workload.scale_primary", effect)

    def scale_canary(self, replicas: int) -> None:
        def effect() -> None:
            if self.world.target is not None:
                self.world.target.scale(replicas, self.world.now_s)

        self.world.write("workload.scale_canary", effect)


class _Router(_Facet):
    def read(self) -> Traffic | None:
        return self.world.call("router.read", lambda: self.world.traffic)

    def ensure(self, traffic: Traffic) -> None:
        def effect() -> None:
            self.world.traffic = traffic

        self.world.write("router.ensure", effect)

    def release(self) -> None:
        def effect() -> None:
            self.world.traffic = None

        self.world.write("router.release", effect)


class _Metrics(_Facet):
    def measure(self, question: MetricQuestion) -> Measurement:
        return self.world.call("metrics.measure", lambda: self._measure(question))

    def _measure(self, question: MetricQuestion) -> Measurement:
        world = self.world
        if world.source_error is not None:
            return SourceError(message=world.source_error)
        if world.source_silent:
            return NoData()
        check = next(check for check in world.policy.checks if check.id == question.check)
        return world.canary_meter.measure(check, world.now_s)

    def online(self) -> SourcesOnline | SourceError:
        error = self.world.source_error
        return self.world.call(
            "metrics.online", lambda: SourcesOnline() if error is None else SourceError(message=error)
        )


class _Hooks(_Facet):
    def ask(self, question: HookQuestion) -> HookAnswer:
        def effect() -> HookAnswer:
            self.world.asked.append(question)
            return self.world.hook_answers.get(question.hook, Approved())

        return self.world.call("hooks.ask", effect)

    def tell(self, hook: str, notice: Notice) -> None:
        self.world.told_to_hooks.append((hook, notice))


class _Store(_Facet):
    def load(self) -> Stored:
        return self.world.call("store.load", self._load)

    def _load(self) -> Stored:
        world = self.world
        if world.gone:
            raise GoneError
        return Stored(
            policy=world.policy,
            rollout=world.rollout,
            version=str(world.resource_version),
            request=world.request,
            redeclared=world.redeclared,
            deleting=world.deleting,
            record=world.record,
        )

    def save(self, rollout: Rollout, version: str, record: Record | None = None) -> str:
        def effect() -> None:
            if self.world.gone:
                raise GoneError
            if version != str(self.world.resource_version):
                raise ConflictError(version)
            self.world.rollout, self.world.redeclared = rollout, False
            self.world.record = record or self.world.record
            self.world.resource_version += 1

        self.world.write("store.save", effect)
        return str(self.world.resource_version)

    def release(self) -> None:
        def effect() -> None:
            if self.world.deleting:
                self.world.gone = True

        self.world.write("store.release", effect)


class _Notifier(_Facet):
    def tell(self, notice: Notice, rollout: Rollout) -> None:
        self.world.told.append(Told(at_s=self.world.now_s, notice=notice, rollout=rollout))
