"""Playing a rollout tick by tick, and writing down what somebody who watches it would see."""

from collections.abc import Callable, Mapping

from canary_core import (
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    Policy,
    Refused,
    Strategy,
    Traffic,
    shown_weight,
)
from canary_core.messages import code
from canary_ports import tick
from canary_sims.world import Version, World

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
