"""Enough pods for the traffic, also where an autoscaler takes idle ones away (flagger#1600, argo-rollouts#3849)."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from canary_core import (
    BlueGreen,
    HoldPrimary,
    Observation,
    Phase,
    Policy,
    Progressive,
    Rollout,
    Traffic,
    Workload,
)
from canary_core.capacity import pods_needed
from canary_ports import tick
from canary_sims.world import Autoscaler, Version, World

SHIFT = Policy(strategy=BlueGreen(iterations=2), interval_s=60.0)
STEPS = Policy(strategy=Progressive(weights=(50,)), interval_s=60.0)


def _rollout(world: World, *, until: Phase, shrink: bool = True, grow: bool = True) -> list[tuple[Phase, int, int]]:
    """Run until a phase; the autoscaler takes the primary down to what it must keep whenever it may.

    Returns:
        Phase, pods of the primary, and weight of the canary after each tick.
    """
    seen = []
    for _ in range(200):
        done = tick(world.ports())
        primary = world.primary
        if primary is not None and world.autoscaler is not None:
            kept = world.autoscaler.kept(world.held)
            if (shrink and primary.replicas > kept) or (grow and primary.replicas < kept):
                primary.scale(kept, world.now_s)
        weight = world.traffic.canary_weight if world.traffic is not None else 0
        seen.append((done.rollout.phase, primary.replicas if primary is not None else 0, weight))
        if done.rollout.phase is until:
            return seen
        world.advance(5.0)
    raise AssertionError(f"never {until}: {seen[-5:]}")


def _initialised(policy: Policy, *, autoscaler: int | None = 2, replicas: int = 6) -> World:
    scaler = None if autoscaler is None else Autoscaler(fewest=autoscaler)
    world = World(policy=policy, version=Version(revision="v1:one"), replicas=replicas, autoscaler=scaler)
    _rollout(world, until=Phase.INITIALIZED, shrink=False)
    assert world.held is None
    world.declare(Version(revision="v1:two"))
    return world


@pytest.mark.parametrize("policy", [SHIFT, STEPS])
def test_the_primary_keeps_its_pods_until_it_has_the_traffic_back(policy: Policy) -> None:
    world = _initialised(policy)
    seen = _rollout(world, until=Phase.SUCCEEDED)
    assert {pods for phase, pods, _ in seen if phase in {Phase.PROGRESSING, Phase.PROMOTING, Phase.FINALISING}} == {6}
    tick(world.ports())
    assert world.held is None


def test_a_rollback_finds_the_primary_as_it_was() -> None:
    world = _initialised(evolve(SHIFT, checks=(), threshold=1))
    _rollout_to_canary(world)
    assert world.primary is not None
    assert world.primary.replicas == 6
    assert world.target is not None
    world.target.crashing = True
    _rollout(world, until=Phase.FAILED)
    assert world.traffic is not None
    assert world.traffic.canary_weight == 0
    assert world.held is None


def _rollout_to_canary(world: World) -> None:
    for _ in range(100):
        tick(world.ports())
        assert world.primary is not None
        assert world.autoscaler is not None
        world.primary.scale(world.autoscaler.kept(world.held), world.now_s)
        if world.traffic is not None and world.traffic.canary_weight == 100:
            return
        world.advance(5.0)
    raise AssertionError("the canary never got all the traffic")


def test_what_the_canary_grew_to_the_primary_grows_to_before_it_takes_over() -> None:
    world = _initialised(SHIFT)
    _rollout_to_canary(world)
    assert world.target is not None
    world.target.scale(9, world.now_s)
    seen = _rollout(world, until=Phase.SUCCEEDED)
    pods_when_back = [pods for phase, pods, weight in seen if phase is Phase.FINALISING and weight == 0]
    assert pods_when_back
    assert set(pods_when_back) == {9}


def test_what_the_canary_comes_to_need_during_the_promotion_counts_as_well() -> None:
    """The promotion begins with six pods in view, and waits for the nine that are needed when it could end."""
    world = _initialised(SHIFT)
    _rollout_to_canary(world)
    _rollout(world, until=Phase.PROMOTING)
    assert world.target is not None
    world.target.scale(9, world.now_s)
    seen = _rollout(world, until=Phase.SUCCEEDED)
    assert {pods for phase, pods, weight in seen if phase is Phase.FINALISING and weight == 0} == {9}


def test_a_promotion_that_is_resumed_waits_for_the_pods_that_the_primary_lost_meanwhile() -> None:
    """The canary had all the traffic after the failure, and the autoscaler of an idle primary was let go."""
    world = _initialised(SHIFT)
    _rollout_to_canary(world)
    assert world.target is not None
    world.target.scale(6, world.now_s)
    _rollout(world, until=Phase.PROMOTING)
    assert world.primary is not None
    world.primary.crashing = True
    _rollout(world, until=Phase.FAILED)
    assert world.traffic is not None
    assert (world.traffic.canary_weight, world.primary.replicas, world.held) == (100, 2, None)
    world.primary.crashing = False
    seen = _rollout(world, until=Phase.SUCCEEDED)
    assert {pods for phase, pods, weight in seen if phase is Phase.FINALISING and weight == 0} == {6}


@pytest.mark.parametrize(
    ("primary", "canary", "weight", "needed"),
    [
        (Workload(replicas=5, floor=5), Workload(replicas=3, floor=2), 50, 5),
        (Workload(replicas=5, floor=5), Workload(replicas=7, floor=2), 50, 7),
        (Workload(replicas=8, floor=5), Workload(replicas=8, floor=2), 50, 16),
        (Workload(replicas=8, floor=5), Workload(replicas=8, floor=2), 0, 8),
        (Workload(replicas=4, floor=5), None, 50, 5),
        (Workload(replicas=8), Workload(replicas=8), 50, 8),
        (None, Workload(replicas=3), 100, 5),
    ],
)
def test_what_all_the_traffic_needs_is_read_from_what_both_have_come_to_need(
    primary: Workload | None, canary: Workload | None, weight: int, needed: int
) -> None:
    """The rollout began with five pods."""
    rollout = Rollout(replicas=5, traffic=Traffic(canary_weight=weight))
    assert pods_needed(rollout, Observation(now_s=0.0, canary=canary, primary=primary)) == needed


def test_an_autoscaler_that_does_nothing_delays_the_traffic_but_not_for_ever() -> None:
    world = _initialised(evolve(SHIFT, progress_deadline_s=120.0))
    _rollout_to_canary(world)
    assert world.target is not None
    world.target.scale(9, world.now_s)
    seen = _rollout(world, until=Phase.SUCCEEDED, grow=False)
    promoting = [phase for phase, _, _ in seen].count(Phase.PROMOTING)
    assert promoting * 5.0 >= 120.0


def test_without_an_autoscaler_nobody_is_held() -> None:
    world = _initialised(SHIFT, autoscaler=None)
    _rollout(world, until=Phase.SUCCEEDED)
    assert "workload.hold_primary" not in world.writes


@given(replicas=st.integers(1, 9), fewest=st.integers(1, 9), policy=st.sampled_from([SHIFT, STEPS]))
def test_the_hold_covers_what_was_there_and_is_given_up_once(replicas: int, fewest: int, policy: Policy) -> None:
    world = _initialised(policy, autoscaler=fewest, replicas=replicas)
    at_start = world.primary.replicas if world.primary is not None else 0
    decided = []
    for _ in range(200):
        done = tick(world.ports())
        decided += [each for step in done.steps for each in step.decisions if isinstance(each, HoldPrimary)]
        if done.rollout.phase is Phase.SUCCEEDED and not done.rollout.pending:
            break
        world.advance(5.0)
    assert decided[0].replicas is not None
    assert decided[0].replicas >= at_start
    assert [each.replicas for each in decided].count(None) == 1
    assert decided[-1].replicas is None
