"""What each happening of a scenario does to the world."""

import math
from typing import assert_never

from attrs import define, evolve, field

from canary_core import Approved, HookType, Refused, Request, Traffic, Unreachable
from canary_sims.scenario import (
    Answer,
    AnswerHook,
    Behaviour,
    ChangeCanary,
    ChangePrimary,
    CreepLatency,
    Declare,
    Delete,
    EditRoutes,
    Happening,
    MakeRequest,
    Metrics,
    Scale,
    SetMetrics,
    SetRate,
    Suspend,
)
from canary_sims.world import Deployment, HookAnswer, Version, World

__all__ = ["Effects", "behaving", "prepare_hooks"]

_ANSWERS: dict[Answer, HookAnswer] = {
    Answer.APPROVE: Approved(),
    Answer.REFUSE: Refused(message="refused"),
    Answer.UNREACHABLE: Unreachable(message="connection refused"),
}


def behaving(version: Version, behaviour: Behaviour) -> Version:
    """A version that behaves so; what is not said stays."""
    rate, latency_ms, ready = behaviour.error_rate, behaviour.latency_ms, behaviour.ready_after_s
    return evolve(
        version,
        error_rate=version.error_rate if rate is None else rate,
        latency_ms=version.latency_ms if latency_ms is None else latency_ms,
        ready_after_s=version.ready_after_s if ready is None else _ready_after(ready),
    )


def _ready_after(seconds: float) -> float | None:
    return None if math.isinf(seconds) else seconds


def prepare_hooks(world: World) -> None:
    """Hooks approve until told otherwise, but a rollback hook that approves would roll every release back."""
    for hook in world.policy.hooks_of(HookType.ROLLBACK):
        world.hook_answers[hook.id] = Refused()


@define
class Effects:
    """Changes a world as a scenario says, and remembers what that takes."""

    world: World
    usual: Behaviour
    known: dict[str, Version] = field(factory=dict)
    """Revisions by name, as they behave."""
    creep: CreepLatency | None = None
    """What makes the declared revision slower."""
    requests: int = 0

    def apply(self, what: Happening) -> None:
        """Let it happen now."""
        match what:
            case Declare() | ChangeCanary() | CreepLatency() | ChangePrimary():
                self._change_app(what)
            case _:
                self._change_surroundings(what)
        self.world.changed()

    def _change_app(self, what: Declare | ChangeCanary | CreepLatency | ChangePrimary) -> None:
        match what:
            case Declare():
                self._declare(what)
            case ChangeCanary():
                self._change_canary(what)
            case CreepLatency():
                self.creep = what
            case ChangePrimary():
                self._change_primary(what)
            case _:
                assert_never(what)

    def _change_surroundings(
        self, what: SetMetrics | AnswerHook | EditRoutes | MakeRequest | Suspend | SetRate | Scale | Delete
    ) -> None:
        world = self.world
        match what:
            case SetMetrics(state=state):
                world.source_error = "connection refused" if state is Metrics.DOWN else None
                world.source_silent = state is Metrics.SILENT
            case AnswerHook(name=name, answer=answer):
                world.hook_answers[name] = _ANSWERS[answer]
            case EditRoutes(canary_weight=weight):
                world.traffic = evolve(world.traffic or Traffic(), canary_weight=weight)
            case MakeRequest(verb=verb):
                self.requests += 1
                world.request = Request(id=str(self.requests), verb=verb)
            case Suspend(on=on):
                world.policy = evolve(world.policy, suspend=on)
            case SetRate(rate=rate):
                world.rate = rate
            case Scale(replicas=replicas):
                self._target.scale(replicas, world.now_s)
            case Delete():
                world.deleting = True
            case _:
                assert_never(what)

    def slow_down(self) -> None:
        """Let the latency creep once."""
        if self.creep is None:
            return
        now_ms = self._target.version.latency_ms
        later_ms = now_ms + self.creep.by_ms
        limit_ms = self.creep.up_to_ms
        later_ms = later_ms if limit_ms is None else max(now_ms, min(later_ms, limit_ms))
        self._behave(Behaviour(latency_ms=later_ms))

    @property
    def _target(self) -> Deployment:
        """The scenario has nothing that would take the target away."""
        assert self.world.target is not None  # noqa: S101 -- narrows the type
        return self.world.target

    def _declare(self, what: Declare) -> None:
        new = behaving(Version(revision=what.revision), self.usual)
        version = behaving(self.known.get(what.revision, new), what.behaviour)
        self.known[what.revision] = version
        self.creep = None
        self._target.crashing = False
        self.world.declare(version)

    def _change_canary(self, what: ChangeCanary) -> None:
        self._behave(what.behaviour)
        if what.crash is not None:
            self._target.crashing = what.crash

    def _behave(self, behaviour: Behaviour) -> None:
        """Change the declared revision, on the primary, too, if that has it already."""
        target, primary = self._target, self.world.primary
        target.version = behaving(target.version, behaviour)
        self.known[target.version.revision] = target.version
        if primary is not None and primary.version.revision == target.version.revision:
            primary.version = behaving(primary.version, evolve(behaviour, ready_after_s=None))

    def _change_primary(self, what: ChangePrimary) -> None:
        world, primary = self.world, self.world.primary
        if what.ready_after_s is not None:
            after_s = _ready_after(what.ready_after_s)
            world.primary_never_ready = after_s is None
            world.start_primary_after_s = after_s
            if primary is not None and not primary.is_up(world.now_s):
                primary.version = evolve(primary.version, ready_after_s=after_s)
        if what.crash is not None and primary is not None:
            primary.crashing = what.crash
        if what.replicas is not None and primary is not None:
            primary.scale(what.replicas, world.now_s)
