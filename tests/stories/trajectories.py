"""Playing a rollout tick by tick, and writing down what somebody who watches it would see."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

from attrs import evolve

from canary_core import (
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    Phase,
    Policy,
    Refused,
    Request,
    Rollout,
    Strategy,
    Traffic,
    Verb,
    shown_weight,
)
from canary_core.messages import code
from canary_ports import PortError, Tick, tick
from canary_sims.world import Deployment, Faults, Version, World

INTERVAL_S = 60.0
V1 = Version(revision="v1:1", ready_after_s=30)
V2 = Version(revision="v1:2", ready_after_s=61)
"""One tick not ready after each scale-up and each promotion."""
V3 = Version(revision="v1:3", ready_after_s=61)

SUCCESS_RATE = Check(id="request-success-rate", kind=CheckKind.SUCCESS_RATE, bound=Bound(minimum=99))
DURATION = Check(id="request-duration", kind=CheckKind.DURATION, bound=Bound(maximum=500))


def a_policy(strategy: Strategy, **options: object) -> Policy:
    """A policy with the two checks of every Flagger example."""
    defaults: dict[str, object] = {"threshold": 10, "checks": (SUCCESS_RATE, DURATION), "interval_s": INTERVAL_S}
    return Policy(strategy=strategy, **{**defaults, **options})  # type: ignore[arg-type]


def a_gate(kind: HookType) -> Hook:
    """A hook named ``gate``."""
    return Hook(id="gate", type=kind)


Events = Mapping[int, Callable[[World], object]]


def declare(version: Version) -> Callable[[World], object]:
    """The user declares this version."""
    return lambda world: world.declare(version)


def close_gate(world: World) -> None:
    """The gate says no from now on."""
    world.hook_answers["gate"] = Refused()


def open_gate(world: World) -> None:
    """The gate says yes from now on."""
    world.hook_answers.pop("gate", None)


def play(policy: Policy, ticks: int, events: Events) -> tuple[World, str]:
    """Tick once per interval, from 1 on, with the events that come right before the tick of their number.

    Returns:
        The world in the end, and a line for each tick: number, phase, status weight, iterations, failed checks,
        primary/canary[/mirrored] as routed, target/primary replicas, and what was told.
    """
    world = World(policy=policy, version=V1, rate=1000.0, test_rate=20.0)
    ports = world.ports()
    lines = []
    for number in range(1, ticks + 1):
        if number in events:
            events[number](world)
        done = tick(ports).rollout
        told = " ".join(code(each.notice) for each in world.told) or "-"
        world.told.clear()
        numbers = f"{shown_weight(policy, done)} {done.iterations} {done.counts.failed}"
        replicas = (
            f"{world.target.replicas if world.target else '-'}/{world.primary.replicas if world.primary else '-'}"
        )
        lines.append(f"{number} {done.phase.value} {numbers} {_routed(world.traffic)} {replicas} {told}")
        world.advance(INTERVAL_S)
    return world, "\n".join(lines)


def _routed(traffic: Traffic | None) -> str:
    if traffic is None:
        return "none"
    mirrored = "/mirrored" if traffic.mirrored else ""
    return f"{traffic.primary_weight}/{traffic.canary_weight}{mirrored}"


def table(text: str) -> str:
    """The lines of an indented block, spaces folded, so that expectations can be set out as tables."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


START = """
1 Initializing 0 0 0 none  2/2 SourcesAvailable PrimaryNotReady
2 Initialized  0 0 0 100/0 0/2 Initialized
3 Initialized  0 0 0 100/0 0/2 -
4 Progressing  0 0 0 100/0 2/2 RolloutStarted
5 Progressing  0 0 0 100/0 2/2 CanaryNotReady
"""
"""How every trajectory begins; the new revision is declared before tick 4."""


class CrashError(BaseException):
    """The process dies here. Not an `Exception`: nothing may catch it."""


class CrashAt(Faults):
    """Die at the n-th writing port call from now on, before or after it took effect."""

    def __init__(self, number: int, *, after: bool) -> None:
        self.left = number
        self.wants_after = after
        self.died_at: str | None = None

    def before(self, call: str) -> None:
        """Die before the effect."""
        if call in WRITES:
            self.left -= 1
            if not self.wants_after:
                self._die(call)

    def after(self, call: str) -> None:
        """Die after the effect."""
        if call in WRITES and self.wants_after:
            self._die(call)

    def _die(self, call: str) -> None:
        if self.left == 0 and self.died_at is None:
            self.died_at = call
            raise CrashError(call)


WRITES = frozenset(
    {
        "store.save",
        "store.release",
        "workload.ensure_primary",
        "workload.promote",
        "workload.scale_canary",
        "router.ensure",
        "router.release",
    }
)


class Play:
    """A world that is ticked once per interval, as a test goes along."""

    def __init__(self, policy: Policy, **options: object) -> None:
        defaults: dict[str, object] = {"version": V1, "rate": 1000.0, "test_rate": 20.0}
        self.world = World(policy=policy, **{**defaults, **options})  # type: ignore[arg-type]
        self.last: Tick | None = None

    @property
    def rollout(self) -> Rollout:
        """As it is stored."""
        return self.world.rollout

    def tick(self) -> Tick:
        """Tick now, whatever dies meanwhile is started again."""
        self.last = tick(self.world.ports())
        return self.last

    def ticks(self, number: int = 1) -> list[str]:
        """Tick, then let an interval pass, so many times. Returns what was told."""
        before = len(self.world.told)
        for _ in range(number):
            with suppress(CrashError, PortError):
                self.tick()
            self.world.advance(self.world.policy.interval_s)
        return self.told[before:]

    def until(self, phase: Phase, *, most: int = 40) -> Self:
        """Tick until this phase is reached, and not a pass further than that tick."""
        for _ in range(most):
            if self.rollout.phase is phase:
                return self
            self.ticks()
        raise AssertionError(f"{phase.value} not reached, but {self.rollout.phase.value}")

    def until_weight(self, weight: int, *, most: int = 40) -> Self:
        """Tick until the canary is meant to have this weight."""
        for _ in range(most):
            if self.rollout.traffic.canary_weight == weight:
                return self
            self.ticks()
        raise AssertionError(f"weight {weight} not reached, but {self.rollout.traffic.canary_weight}")

    @property
    def told(self) -> list[str]:
        """Codes of all notices that reached the notifier."""
        return [code(each.notice) for each in self.world.told]

    @property
    def target(self) -> Deployment:
        """The target, which must be there."""
        assert self.world.target is not None
        return self.world.target

    @property
    def primary(self) -> Deployment:
        """The primary, which must be there."""
        assert self.world.primary is not None
        return self.world.primary

    @property
    def split(self) -> tuple[int, int]:
        """Primary and canary weight in force."""
        assert self.world.traffic is not None
        return self.world.traffic.primary_weight, self.world.traffic.canary_weight

    def initialised(self) -> Self:
        """With a primary that has the traffic."""
        return self.until(Phase.INITIALIZED)

    def rolling_out(self, version: Version = V2) -> Self:
        """With a new revision under analysis, not routed to yet."""
        self.initialised().world.declare(version)
        return self.until(Phase.PROGRESSING)

    def ask(self, verb: Verb, identity: str = "1") -> Self:
        """A person asks for something."""
        self.world.request = Request(id=identity, verb=verb)
        return self

    def errors(self, rate: float) -> Self:
        """The canary fails this share of requests from now on."""
        self.target.version = evolve(self.target.version, error_rate=rate)
        return self
