"""The real driver in a world that misbehaves: the invariants hold in every story that Hypothesis tells."""

import pytest
from attrs import define, evolve
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from canary_core import Policy, Traffic
from canary_ports import Ports, RouterPort, tick
from canary_sims.harness.machine_test import RolloutMachine
from canary_sims.harness.strategies import policies, versions
from canary_sims.laws.witness import Witness, WorldBackDoor
from canary_sims.world import Version, World


@pytest.mark.slow
def test_no_story_breaks_an_invariant() -> None:
    """Revisions, crashes, lost answers, conflicts, hand edits, outages, gates and requests, in any order."""
    run_state_machine_as_test(RolloutMachine, settings=settings(stateful_step_count=40, deadline=None))


@define
class WrongRouter:
    """A router with a fault."""

    inner: RouterPort

    def read(self) -> Traffic | None:
        return self.inner.read()

    def ensure(self, traffic: Traffic) -> None:
        """Not what was asked for: five percent more."""
        self.inner.ensure(evolve(traffic, canary_weight=min(100, traffic.canary_weight + 5)))

    def release(self) -> None:
        self.inner.release()


class WrongPorts(RolloutMachine):
    """As others derive from it: ports of their own, the same world behind them."""

    def make_ports(self, world: World) -> Ports:
        ports = world.ports()
        return evolve(ports, router=WrongRouter(ports.router))


def test_a_port_that_does_something_else_is_found_out() -> None:
    """The machine test bites."""
    quiet = settings(stateful_step_count=10, max_examples=100, deadline=None, database=None, phases=(Phase.generate,))
    with pytest.raises(AssertionError, match="crashes_are_harmless"):
        run_state_machine_as_test(WrongPorts, settings=quiet)


@given(policies(hook_kinds=()), versions())
def test_each_rollout_ends_and_tells_so_once(policy: Policy, version: Version) -> None:
    """A new revision, and a world that leaves it alone: one end, told once."""
    world = World(policy=policy, version=Version(revision="v1:old"))
    witness = Witness(WorldBackDoor(world))
    world.observers.append(lambda _: witness.look())
    until_settled(world, witness)
    world.told.clear()
    world.declare(version)
    until_settled(world, witness)
    assert not witness.broken
    ends = {"Promoted", "RolledBack", "Cancelled", "NoKnownGood", "PromotionFailed"}
    last = [type(told.notice).__name__ for told in world.told if type(told.notice).__name__ in ends]
    assert len(last) == 1, last


def until_settled(world: World, witness: Witness) -> None:
    ports = world.ports()
    for _ in range(60):
        done = witness.tick(ports)
        if done.next_s is None and done.rollout.settled:
            return
        world.advance(max(world.policy.interval_s, 60.0))
    raise AssertionError(world.rollout)


@given(policies(hook_kinds=()), st.integers(1, 20))
def test_a_settled_rollout_writes_and_asks_nothing(policy: Policy, ticks: int) -> None:
    """However often it is looked at."""
    world = World(policy=policy, version=Version(revision="v1:old"))
    witness = Witness(WorldBackDoor(world))
    until_settled(world, witness)
    written, told = len(world.writes), len(world.told)
    for _ in range(ticks):
        world.advance(60.0)
        done = tick(world.ports())
        assert done.answers == ()
    assert (len(world.writes), len(world.told)) == (written, told)
