"""What the driver itself is responsible for: nobody is overtaken unnoticed, and no measurement begins too early."""

from collections.abc import Callable

import pytest
from attrs import define, evolve, field

from canary_core import (
    Approved,
    Hook,
    HookQuestion,
    HookType,
    Notice,
    Phase,
    Progressive,
    Record,
    Refused,
    Rollout,
    Traffic,
    Unreachable,
)
from canary_ports import ConflictError, Hooks, RolloutStore, RouterPort, Stored, tick
from canary_sims.world import World
from stories.trajectories import V2, Play, a_policy

POLICY = a_policy(Progressive(weights=(10, 50)))


@define
class Overtaken:
    """A store in which somebody else saves right after the first look at it."""

    inner: RolloutStore
    world: World
    looks: int = 0

    def load(self) -> Stored:
        self.looks += 1
        if self.looks == 2:
            self.world.resource_version += 1
        return self.inner.load()

    def save(self, rollout: Rollout, version: str, record: Record | None = None) -> str:
        return self.inner.save(rollout, version, record)

    def release(self) -> None:
        self.inner.release()


@define
class Slow:
    """A router that takes its time before it does anything."""

    inner: RouterPort
    wait: Callable[[float], None]
    seconds: float = field(default=30.0)

    def read(self) -> Traffic | None:
        return self.inner.read()

    def ensure(self, traffic: Traffic) -> None:
        self.wait(self.seconds)
        self.inner.ensure(traffic)

    def release(self) -> None:
        self.inner.release()


def test_a_state_that_somebody_went_on_from_is_not_acted_on() -> None:
    """Also if there was nothing to be saved: what is there to be put right may have been changed on purpose."""
    play = Play(POLICY).rolling_out(V2)
    world = play.world
    assert world.target is not None
    world.target.scale(0, world.now_s)
    ports = world.ports()
    overtaken = evolve(ports, store=Overtaken(ports.store, world))
    with pytest.raises(ConflictError, match="somebody else has gone on"):
        tick(overtaken)
    assert world.target.replicas == 0
    tick(world.ports())
    assert world.target.replicas == 2


@define
class SlowHooks:
    """Hooks that take their time to answer."""

    inner: Hooks
    wait: Callable[[float], None]

    def ask(self, question: HookQuestion) -> Approved | Refused | Unreachable:
        self.wait(20.0)
        return self.inner.ask(question)

    def tell(self, hook: str, notice: Notice) -> None:
        self.inner.tell(hook, notice)


def test_time_that_questions_take_belongs_to_no_measurement() -> None:
    """And costs no second write."""
    hook = Hook(id="test", type=HookType.PRE_ROLLOUT)
    play = Play(evolve(POLICY, hooks=(hook,))).rolling_out(V2)
    play.ticks(1)
    world = play.world
    started_s, written = world.now_s, len(world.writes)
    ports = world.ports()
    done = tick(evolve(ports, hooks=SlowHooks(ports.hooks, world.advance)))
    assert (done.rollout.traffic.canary_weight, done.rollout.since_s) == (10, started_s + 20.0)
    assert world.writes[written:] == ["store.save", "router.ensure"]


@pytest.mark.parametrize(("seconds", "begins_s"), [(30.0, 30.0), (0.5, 0.0)])
def test_a_weight_is_measured_from_when_it_came_into_force(seconds: float, begins_s: float) -> None:
    """Unless it makes no difference: then nothing is written a second time."""
    play = Play(POLICY).rolling_out(V2)
    play.ticks(1)
    world = play.world
    assert (play.rollout.phase, play.rollout.traffic.canary_weight) == (Phase.PROGRESSING, 0)
    started_s, written = world.now_s, len(world.writes)
    ports = world.ports()
    done = tick(evolve(ports, router=Slow(ports.router, world.advance, seconds)))
    assert done.rollout.traffic.canary_weight == 10
    assert done.rollout.since_s == started_s + begins_s
    assert done.rollout == world.rollout
    assert world.writes[written:] == ["store.save", "router.ensure", *(["store.save"] if begins_s else [])]
