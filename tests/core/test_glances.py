"""Shortcuts for common cases give what the rules would have given without them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from attrs import evolve

from canary_core import (
    ABTest,
    Ask,
    BlueGreen,
    Counts,
    HookType,
    KnownGood,
    Observation,
    Outcome,
    Phase,
    Policy,
    Progressive,
    Rollout,
    Step,
    Strategy,
    Traffic,
    Wait,
    Waiting,
    Workload,
    step,
    weights_by_step,
)
from canary_core.notices import Promoted
from canary_ports import driver
from stories.trajectories import V2, a_gate, a_policy, declare, play

STRATEGIES: dict[str, Strategy] = {
    "progressive": Progressive(weights=weights_by_step(10, 50)),
    "A/B": ABTest(iterations=3),
    "blue/green": BlueGreen(iterations=3),
}
Call: TypeAlias = tuple[Policy, Rollout, Observation]

POLICIES: tuple[dict[str, Any], ...] = ({"skip_analysis": True}, {"suspend": True}, {"approval_deadline_s": 1.0})
ROLLOUTS: tuple[dict[str, Any], ...] = (
    {"applied": "v1:other"},
    {"promoted": "v1:2"},
    {"counts": Counts(failed=10)},
    {"counts": Counts(no_data=1)},
    {"counts": Counts(errors=1)},
    {"known_good": KnownGood.NONE},
    {"known_good": KnownGood.CANARY},
    {"started": False},
    {"skipped": True},
    {"paused": True},
    {"suspended": True},
    {"changed_s": -1e6},
    {"since_s": -1e6},
    {"since_s": 1e6},
    {"outcome": Outcome.PROMOTION},
    {"outcome": Outcome.INITIALIZATION},
    {"waiting": Waiting(on=Wait.PRIMARY, since_s=-1e6)},
    {"waiting": Waiting(on=Wait.CANARY, since_s=0.0)},
    {"waiting": Waiting(on=Wait.APPROVAL, since_s=0.0)},
    {"pending": (Promoted(),)},
    {"traffic": Traffic(canary_weight=0, mirrored=True)},
    {"traffic": Traffic(canary_weight=100)},
    *({"phase": phase} for phase in Phase),
)
WORKLOADS: tuple[dict[str, Any], ...] = (
    {"revision": "v1:other"},
    {"revision": None},
    {"replicas": 0},
    {"replicas": 3},
    {"updated": 1, "total": 3},
    {"available": 0},
    {"observed": False},
    {"stalled": True},
    {"edited": True},
    {"edited": True, "stalled": True},
    {"floor": 2},
    {"floor": 1, "held": 2},
    {"unavailable_since_s": -1e6},
)
OBSERVATIONS: tuple[dict[str, Any], ...] = (
    {"canary": None},
    {"primary": None},
    {"routes": None},
    {"routes": Traffic(canary_weight=33)},
    {"deleting": True},
)


@pytest.fixture(params=STRATEGIES)
def calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Every call of `step` of a rollout, from nothing to its promotion."""
    found: list[Call] = []

    def recorded(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
        found.append((policy, rollout, seen))
        return step(policy, rollout, seen)

    monkeypatch.setattr(driver, "step", recorded)
    policy = a_policy(STRATEGIES[request.param], hooks=(a_gate(HookType.ROLLOUT),))
    world, _ = play(policy, 20, {4: declare(V2)})
    assert world.rollout.phase is Phase.SUCCEEDED
    return found


def _variants(policy: Policy, rollout: Rollout, seen: Observation) -> Iterator[Call]:
    """The call itself, and with one thing changed."""
    yield policy, rollout, seen
    yield from ((evolve(policy, **change), rollout, seen) for change in POLICIES)
    yield from ((policy, evolve(rollout, **change), seen) for change in ROLLOUTS)
    yield from ((policy, rollout, evolve(seen, **change)) for change in OBSERVATIONS)
    for side in ("canary", "primary"):
        workload: Workload | None = getattr(seen, side)
        if workload is not None:
            changes: list[dict[str, Any]] = [{side: evolve(workload, **change)} for change in WORKLOADS]
            yield from ((policy, rollout, evolve(seen, **change)) for change in changes)


def _never(*_: object) -> bool:
    return False


@pytest.mark.parametrize(("module", "glance"), [("progress", "_goes_well"), ("desired", "is_in_force")])
def test_a_glance_sees_what_the_rules_would_see(
    calls: list[Call], module: str, glance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever one thing is changed in a rollout that goes well: the answer is that of the rules alone."""
    variants = [variant for call in calls for variant in _variants(*call)]
    quick = [step(*variant) for variant in variants]
    taken = _counted(monkeypatch, module, glance)
    assert [step(*variant) for variant in variants] == quick
    assert taken[True] > len(calls) / 3, "the shortcut is hardly ever taken"
    assert taken[False] > len(calls)
    monkeypatch.setattr(importlib.import_module(f"canary_core.{module}"), glance, _never)
    assert [step(*variant) for variant in variants] == quick


def _counted(monkeypatch: pytest.MonkeyPatch, module: str, glance: str) -> dict[bool, int]:
    place = importlib.import_module(f"canary_core.{module}")
    real: Callable[..., bool] = getattr(place, glance)
    taken = {True: 0, False: 0}

    def counted(*given: Any) -> bool:
        found = real(*given)
        taken[found] += 1
        return found

    monkeypatch.setattr(place, glance, counted)
    return taken
