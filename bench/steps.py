"""The calls of `step` that whole rollouts make, recorded from the driver."""

from typing import TypeAlias
from unittest.mock import patch

from canary_core import (
    Ask,
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    Observation,
    Policy,
    Progressive,
    Rollout,
    Step,
    Strategy,
    step,
    weights_by_step,
)
from canary_ports import driver, tick
from canary_sims.world import Version, World

__all__ = ["ARTICLE", "Call", "calls_of_a_rollout", "policy_of", "rollout"]

Call: TypeAlias = tuple[Policy, Rollout, Observation]
ARTICLE = Progressive(weights=weights_by_step(10, 50))
TICKS = 16


def policy_of(strategy: Strategy) -> Policy:
    """The article's checks and load test, with this strategy."""
    return Policy(
        strategy=strategy,
        threshold=10,
        checks=(
            Check(id="request-success-rate", kind=CheckKind.SUCCESS_RATE, bound=Bound(minimum=99)),
            Check(id="request-duration", kind=CheckKind.DURATION, bound=Bound(maximum=500)),
        ),
        hooks=(Hook(id="load-test", type=HookType.ROLLOUT),),
    )


def rollout(policy: Policy) -> None:
    """From nothing to Succeeded."""
    world = World(policy=policy, version=Version(revision="v1:1", ready_after_s=30), test_rate=20.0)
    ports = world.ports()
    for number in range(TICKS):
        if number == 3:
            world.declare(Version(revision="v1:2", ready_after_s=61))
        tick(ports)
        world.advance(policy.interval_s)


def calls_of_a_rollout(policy: Policy) -> list[Call]:
    """Every call of `step` of a whole rollout, in order, with its arguments."""
    calls: list[Call] = []

    def recorded(policy: Policy, stored: Rollout, seen: Observation) -> Ask | Step:
        calls.append((policy, stored, seen))
        return step(policy, stored, seen)

    with patch.object(driver, "step", recorded):
        rollout(policy)
    return calls
