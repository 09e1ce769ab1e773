"""The world with a scenario in it: lets time pass, makes things happen when they are due, counts who was served."""

import copy
import math
from collections import deque
from typing import Self

from attrs import define, evolve, field

from canary_core import HookType, KnownGood, Phase, Policy, Rollout, Traffic
from canary_sims.scenario import CreepLatency, Event, Scenario
from canary_sims.simulation.effects import Effects, behaving, prepare_hooks
from canary_sims.simulation.records import Happened, Served
from canary_sims.world import Deployment, Meter, Version, World
from canary_sims.world.autoscaler import SYNC_S

__all__ = ["Stage"]


@define
class _Count:
    requests: int = 0
    failed: int = 0


@define
class Stage:
    """A world, and what is still to happen to it."""

    world: World
    effects: Effects
    left: deque[Event]
    """What is still to happen, in order of time."""
    creep_s: float | None = None
    """When the declared revision gets slower next."""
    scale_s: float | None = None
    """When the autoscalers look next."""
    counts: dict[str | None, _Count] = field(factory=dict)
    failed_on_canary: int = 0
    copied: int = 0

    @classmethod
    def of(cls, policy: Policy, scenario: Scenario, seed: int) -> Self:
        """The world as the scenario finds it, at time 0."""
        version = behaving(Version(revision=scenario.revision), scenario.behaviour)
        world = World(
            policy=policy,
            version=version,
            replicas=_replicas(scenario),
            autoscaler=scenario.autoscaler,
            seed=seed,
            rate=scenario.rate,
            test_rate=scenario.test_rate if policy.hooks_of(HookType.ROLLOUT) else 0.0,
            matched_share=scenario.matched_share,
        )
        prepare_hooks(world)
        if scenario.initialized:
            _initialise(world, version)
        effects = Effects(world, scenario.behaviour, known={version.revision: version})
        scale_s = None if scenario.autoscaler is None else SYNC_S
        return cls(world, effects, deque(sorted(scenario.events, key=lambda event: event.at_s)), scale_s=scale_s)

    def fork(self, world: World) -> Self:
        """The same in another world, which is as this one is."""
        effects = evolve(self.effects, world=world, known=dict(self.effects.known))
        counts = {revision: copy.copy(count) for revision, count in self.counts.items()}
        return evolve(self, world=world, effects=effects, left=deque(self.left), counts=counts)

    def advance(self, until_s: float) -> list[Happened]:
        """Let time pass, and happen what is due before that.

        Args:
            until_s: What is to happen at this very moment waits: a tick comes first.
        """
        happened = self.happen()
        while self.world.now_s < until_s:
            self._pass(min(until_s, *self._turns(until_s)))
            if self.world.now_s < until_s:
                happened += self.happen()
        return happened

    def happen(self) -> list[Happened]:
        """Let happen what is due now."""
        now_s = self.world.now_s
        if self.scale_s is not None and now_s >= self.scale_s:
            self.world.autoscale()
            self.scale_s += SYNC_S
        if self.creep_s is not None and now_s >= self.creep_s and self.effects.creep is not None:
            self.effects.slow_down()
            self.creep_s += self.effects.creep.every_s
        happened = []
        while self.left and self.left[0].at_s <= now_s:
            event = self.left.popleft()
            self.effects.apply(event.what)
            happened.append(Happened(time_s=now_s, what=event.what))
            if isinstance(event.what, CreepLatency):
                self.creep_s = now_s + event.what.every_s
        if self.effects.creep is None:
            self.creep_s = None
        return happened

    def served(self) -> tuple[Served, ...]:
        """Requests of users so far, by revision."""
        return tuple(
            Served(revision=revision, requests=count.requests, failed=count.failed)
            for revision, count in self.counts.items()
        )

    def _turns(self, until_s: float) -> list[float]:
        """Moments before that at which the world changes by itself or by the scenario; or that, if there is none."""
        world = self.world
        turns = [self.left[0].at_s] if self.left else []
        turns += [turn_s for turn_s in (self.creep_s, self.scale_s) if turn_s is not None]
        turns += [_ready_s(workload) for workload in (world.primary, world.target) if workload is not None]
        return [turn for turn in turns if world.now_s < turn < until_s] or [until_s]

    def _pass(self, until_s: float) -> None:
        """Let time pass in which nothing changes, and count who was served."""
        world = self.world
        mirrored = world.traffic is not None and world.traffic.mirrored
        routed = world.traffic is not None
        primary, target = _revision(world.primary, world.now_s), _revision(world.target, world.now_s)
        before = _totals(world.primary_meter), _totals(world.canary_meter)
        world.advance(until_s - world.now_s)
        self._count(primary, *_since(world.primary_meter, before[0]))
        requests, failed = _since(world.canary_meter, before[1])
        if mirrored:
            self.copied += requests
            return
        self._count(target, requests, failed)
        if routed:
            self.failed_on_canary += failed

    def _count(self, revision: str | None, requests: int, failed: int) -> None:
        if requests:
            count = self.counts.setdefault(revision, _Count())
            count.requests += requests
            count.failed += failed


def _replicas(scenario: Scenario) -> int:
    scaler = scenario.autoscaler
    return scenario.replicas if scaler is None else max(scaler.fewest, scaler.needed(scenario.rate))


def _initialise(world: World, version: Version) -> None:
    """Put the world where the machine's own initialisation would have brought it (a test compares the two)."""
    revision = version.revision
    world.primary = Deployment(version=version, replicas=world.replicas, changed_s=world.now_s - 1e6, source=revision)
    if world.target is not None:
        world.target.scale(0, world.now_s)
    world.traffic = Traffic()
    world.rollout = Rollout(
        phase=Phase.INITIALIZED,
        applied=revision,
        promoted=revision,
        known_good=KnownGood.PRIMARY,
        replicas=world.replicas,
    )


def _ready_s(workload: Deployment) -> float:
    """When its pods are ready, if they are not yet. Infinite: never."""
    after_s = workload.version.ready_after_s
    if after_s is None:
        return math.inf
    return (workload.changed_s if workload.fewer is None else workload.grown_s) + after_s


def _revision(workload: Deployment | None, now_s: float) -> str | None:
    serving = workload.serving(now_s) if workload is not None else None
    return serving.revision if serving is not None else None


def _totals(meter: Meter) -> tuple[int, int]:
    return meter.requests, meter.errors


def _since(meter: Meter, before: tuple[int, int]) -> tuple[int, int]:
    return meter.requests - before[0], meter.errors - before[1]
