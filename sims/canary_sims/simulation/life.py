"""The life of a controller in a simulated world: it wakes up, ticks, fails, dies, is started again, sleeps.

All that runs the driver under virtual time goes through here: `canary simulate`, and the campaigns of faults. Without
a fault plan there is a tick at time 0 and then one per analysis interval, or sooner where the machine asks for it.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Final, Self, TypeAlias

from attrs import define, field, frozen

from canary_core import KnownGood, Notice, Policy, Rollout
from canary_ports import PortError, Ports, Tick, tick
from canary_sims.faults import (
    DELAY_S,
    CallKind,
    CrashError,
    Injector,
    Memory,
    Plan,
    Struck,
    WakeFault,
    WakeKind,
    faulty,
)
from canary_sims.laws.witness import Witness, WorldBackDoor
from canary_sims.simulation.records import Happened
from canary_sims.simulation.stage import Stage
from canary_sims.world import World

__all__ = ["Driver", "Life", "Turn", "has_moved"]

Driver: TypeAlias = Callable[[Ports], Tick]

MAX_TURNS: Final = 20_000
"""A guard against a scenario that never lets a rollout rest."""
PATIENCE: Final = 60
"""So many intervals without any move, at least, before a simulation gives up."""
RETRY_S: Final = 5.0
"""From a tick that failed, or a process that died, to the next one."""


@frozen(kw_only=True)
class Turn:
    """One wake-up of the controller, and what came before it."""

    tick: Tick | None
    """None: it failed, or the process died, or nobody woke up."""
    before: Rollout
    """As it was stored when the controller woke up."""
    notices: tuple[Notice, ...]
    """What people were told, in order."""
    happened: tuple[Happened, ...]
    """What the scenario did, and what went wrong, since the turn before."""


@define
class Life:
    """One controller after the other, over the same world."""

    stage: Stage
    driver: Driver
    injector: Injector = field(init=False)
    witness: Witness | None = None
    """Who holds every instant against the invariants; None: nobody."""
    ports: Ports = field(init=False)
    memory: Memory = field(init=False)
    """Of the present process."""
    happened: list[Happened] = field(factory=list)
    wakes: int = 0
    moved_s: float = field(init=False)
    next_s: float = 0.0
    """When the next wake-up is due."""
    over: bool = False
    stirred: bool = False
    """Whether anything has happened since the present tick began."""
    stirred_s: float = 0.0
    """When anything has happened last, but for what goes wrong each time."""
    rests: bool = False
    """Whether it is over because the rollout has come to rest."""

    @classmethod
    def of(
        cls, stage: Stage, plan: Plan, *, driver: Driver = tick, watched: bool = False, remembers: bool = False
    ) -> Self:
        """A controller that is about to wake up for the first time.

        Args:
            stage: The world, and what is to happen to it.
            plan: What goes wrong.
            driver: What a tick is; tests pass others.
            watched: Whether the invariants are checked.
            remembers: Whether it is to be forked for plans with stale reads.
        """
        life = cls(stage, driver, Witness(WorldBackDoor(stage.world)) if watched else None)
        life.moved_s = stage.world.now_s
        life._meet(Injector(plan, life, remembers=remembers), Memory())
        return life

    def fork(self, plan: Plan, *, remembers: bool = False) -> Self:
        """Another life that has come to the same, and to which other things happen from here on.

        Not while a write is under way, which would still change this world.

        Args:
            plan: What goes wrong from now on.
            remembers: Whether it is to be forked again, for plans with stale reads.
        """
        world = self.world.fork()
        life = copy.copy(self)
        life.stage, life.happened = self.stage.fork(world), []
        if self.witness is not None:
            life.witness = copy.copy(self.witness)
            life.witness.behind, life.witness.broken = WorldBackDoor(world), list(self.witness.broken)
        life._meet(self.injector.fork(plan, life, remembers=remembers), self.memory.copy())  # noqa: SLF001 -- a constructor
        return life

    def _meet(self, injector: Injector, memory: Memory) -> None:
        self.injector, self.memory = injector, memory
        self.ports = faulty(injector, self.world.ports(), memory)
        if self.witness is None:
            return
        self.world.observers.append(self.observe)
        # What a second fault keeps from being put right may shorten a measurement by what the first one took.
        plan = injector.plan
        slow_s = sum(fault.for_s for fault in plan.faults) + 2 * DELAY_S * len(plan.standing)
        self.witness.slack_s = slow_s if len(plan) > 1 else 0.0

    @property
    def world(self) -> World:
        """Where all this takes place."""
        return self.stage.world

    @property
    def stranded(self) -> bool:
        """Whether it is at rest but for looking, again and again, whether the primary is back: nobody else can help."""
        world, rollout = self.world, self.world.rollout
        lost = world.primary is None or world.primary.serving(world.now_s) is None
        return rollout.settled and (lost or rollout.known_good is KnownGood.NONE) and not self.stage.left

    def turns(self) -> Iterator[Turn]:
        """Wake up again and again, until the rollout has come to rest and nothing is left to happen.

        Or until nothing moves any more. Whoever stops in between may go on later, with this or with a fork.
        """
        while not self.over:
            if self.wakes:
                self.wait(self.next_s - self.world.now_s)
            turn, self.next_s = self._wake()
            self.over = self._is_over(turn)
            yield turn

    def _wake(self) -> tuple[Turn, float]:
        self.wakes += 1
        self.stirred = False
        struck, before, told = len(self.injector.struck), self.world.rollout, len(self.world.told)
        result, next_s = self._met(self.injector.wakes.get(self.wakes))
        if self.stage.left or len(self.injector.struck) > struck or has_moved(before, self.world.rollout):
            self.moved_s = self.world.now_s
        notices = tuple(each.notice for each in self.world.told[told:])
        happened, self.happened = tuple(self.happened), []
        return Turn(tick=result, before=before, notices=notices, happened=happened), next_s

    def _met(self, fault: WakeFault | None) -> tuple[Tick | None, float]:
        """Tick as often, and when, the wake-up comes."""
        if fault is None:
            return self._tick()
        self.injector.strike(fault, "wake-up")
        match fault.kind:
            case WakeKind.NEVER:
                return None, self.world.now_s + self.world.policy.interval_s
            case WakeKind.LATE:
                self.wait(fault.for_s)
            case WakeKind.TWICE:
                self._tick()
        return self._tick()

    def _tick(self) -> tuple[Tick | None, float]:
        """One tick, and when the next one is due: in an interval, or sooner if the machine wants to be called."""
        world = self.world
        try:
            done = self.driver(self.ports) if self.witness is None else self.witness.tick(self.ports, self.driver)
        except CrashError:
            self.memory = self.injector.started()
            self.ports = faulty(self.injector, world.ports(), self.memory)
            return None, world.now_s + RETRY_S
        except PortError:
            return None, world.now_s + RETRY_S
        later_s = world.now_s + world.policy.interval_s
        sooner = done.next_s is not None and done.next_s > world.now_s
        return done, min(later_s, done.next_s) if sooner and done.next_s is not None else later_s

    def _is_over(self, turn: Turn) -> bool:
        world, done = self.world, turn.tick
        # Somebody else may have saved something else since this tick looked.
        settled = done is not None and done.rollout == world.rollout and done.rollout.settled and done.next_s is None
        # What has come in the course of a tick, or was hidden from it, is there for the next one.
        hidden = self.injector.plan.standing and world.now_s - self.stirred_s <= world.policy.interval_s
        undone = self.stirred or hidden or self.stage.left or self.injector.late
        self.rests = world.gone or (settled and not undone)
        return self.rests or world.now_s - self.moved_s > _patience_s(world.policy) or self.wakes >= MAX_TURNS

    # -- What faults need (`canary_sims.harness.faults.Surroundings`) -------------------------------------------------

    def now_s(self) -> float:
        """The present time."""
        return self.world.now_s

    def wait(self, seconds: float) -> None:
        """Let time pass, and happen what is due."""
        happened = self.stage.advance(self.world.now_s + seconds)
        self.happened += happened
        if happened:
            self.stirred, self.stirred_s = True, self.world.now_s

    def rival(self) -> None:
        """Another controller ticks once; what fails for it is its own business."""
        ports = faulty(self.injector, self.world.ports(), self.injector.started())
        try:
            if self.witness is None:
                self.driver(ports)
            else:
                self.witness.tick(ports, self.driver)
        except PortError:
            return
        finally:
            if self.witness is not None:
                self.witness.deposed = len(self.injector.plan) > 1

    def struck(self, what: Struck) -> None:
        """Something goes wrong now."""
        self.happened.append(Happened(time_s=what.at_s, what=what))
        if not what.standing:
            self.stirred, self.stirred_s = True, self.world.now_s
        if self.witness is not None and what.what.kind is CallKind.STALE:
            self.witness.misled = True

    def arrival(self) -> Callable[[Callable[[], object]], None]:
        """A call is made now whose effect comes later: it is judged by what is known now."""
        witness = self.witness
        known = None if witness is None else witness.known()

        def arrive(effect: Callable[[], object]) -> None:
            if witness is None:
                effect()
                return
            witness.late = known
            try:
                effect()
            finally:
                witness.late = None

        return arrive

    def observe(self, _: World) -> None:
        """The world has changed."""
        if self.witness is not None:
            self.witness.look()


def has_moved(before: Rollout, after: Rollout) -> bool:
    """Whether anything but a wait has changed."""
    return _essence(before) != _essence(after)


def _essence(rollout: Rollout) -> tuple[object, ...]:
    return (rollout.phase, rollout.traffic, rollout.iterations, rollout.counts, rollout.applied, rollout.request)


def _patience_s(policy: Policy) -> float:
    """Longer than any wait that ends by itself."""
    return PATIENCE * policy.interval_s + 2 * policy.progress_deadline_s + (policy.approval_deadline_s or 0.0)
