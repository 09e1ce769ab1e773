"""Counts the port calls of a run, and lets go wrong what its plan says.

What the faults are about is not in here but handed in: `Surroundings`. The ports themselves are in
`canary_sims.faults.ports`.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from attrs import define, field, frozen

from canary_ports import ConflictError, PortError, UnavailableError
from canary_sims.faults.plan import CALLS, CallFault, CallKind, Plan, WakeFault

__all__ = ["CrashError", "Injector", "Memory", "Struck", "Surroundings"]

_T = TypeVar("_T")

OBJECTS: Final = {
    "store.load": ("object",),
    "workload.observe": ("target", "primary"),
    "router.read": ("routes",),
    "store.save": ("object",),
    "store.release": ("object",),
    "workload.ensure_primary": ("primary",),
    "workload.promote": ("primary",),
    "workload.hold_primary": ("primary",),
    "workload.scale_canary": ("target",),
    "router.ensure": ("routes",),
    "router.release": ("routes",),
}
"""What a call reads or writes. Each has a version of its own, as objects of an API server have."""


class CrashError(BaseException):
    """The process dies here. Not an `Exception`: nothing may catch it on the way."""


class Surroundings(Protocol):
    """What faults need of the world around the ports."""

    def now_s(self) -> float:
        """The present time."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass, and happen what is due."""
        ...

    def rival(self) -> None:
        """Let another controller tick once, over ports without faults."""
        ...

    def struck(self, what: "Struck") -> None:
        """Something goes wrong now."""
        ...

    def arrival(self) -> Callable[[Callable[[], object]], None]:
        """A call is made now whose effect comes later: what is to be called then, with that effect."""
        ...


@frozen(kw_only=True)
class Struck:
    """A fault that came about."""

    at_s: float
    what: CallFault | WakeFault
    name: str
    """Of the call (``router.ensure``), or ``wake-up``."""
    standing: bool = False


@define
class Memory:
    """What a process knows of versions: those that it has read, and the oldest that it may still be shown."""

    seen: dict[str, int] = field(factory=dict)
    """Version of an object as this process read it last."""
    floor: dict[str, int] = field(factory=dict)
    """Position in the history of a read, before which this process is not shown anything."""

    def copy(self) -> "Memory":
        """Another process that knows the same."""
        return Memory(dict(self.seen), dict(self.floor))


@frozen
class _Read:
    """What a read would have returned, from some time on."""

    value: object
    versions: dict[str, int]
    since_s: float


@frozen
class _Late:
    """A write that is still under way although its caller has given up."""

    at: int
    write: Callable[[], object]


@define
class Injector:
    """The faults of one run."""

    plan: Plan
    around: Surroundings
    calls: int = 0
    """Made so far."""
    struck: list[Struck] = field(factory=list)
    names: list[str] = field(factory=list)
    """Of the calls made, in order."""
    versions: dict[str, int] = field(factory=dict)
    """Of each object: how often it was written through these ports."""
    history: dict[str, list[_Read]] = field(factory=dict)
    """Of each read: what it would have returned, in order."""
    samplers: Mapping[str, Callable[[], object]] = field(factory=dict)
    late: list[_Late] = field(factory=list)
    muted: bool = False
    """While another controller is at work, which meets no faults."""
    remembers: bool = False
    """Whether earlier answers are kept for stale reads of forks; for those of the plan they are in any case."""
    wakes: Mapping[int, WakeFault] = field(init=False)
    """The faults of wake-ups, by their number."""
    _planned: dict[int, CallFault] = field(init=False)
    _standing: dict[str, CallKind] = field(init=False)
    _last_stale: float = field(init=False)
    """The last call for which earlier answers are kept."""

    def __attrs_post_init__(self) -> None:
        self.wakes = {fault.wake: fault for fault in self.plan.faults if isinstance(fault, WakeFault)}
        self._planned = {fault.call: fault for fault in self.plan.faults if isinstance(fault, CallFault)}
        self._standing = {each.every: each.kind for each in self.plan.standing}
        stale = [fault.call for fault in self._planned.values() if fault.kind is CallKind.STALE]
        for_good = self.remembers or CallKind.STALE in self._standing.values()
        self._last_stale = math.inf if for_good else max(stale, default=0)

    def fork(self, plan: Plan, around: Surroundings, *, remembers: bool = False) -> "Injector":
        """Another one that has counted and kept the same, for other faults in another world.

        Not while a write is under way.
        """
        return Injector(
            plan,
            around,
            calls=self.calls,
            struck=list(self.struck),
            names=list(self.names),
            versions=dict(self.versions),
            history={name: list(past) for name, past in self.history.items()},
            remembers=remembers,
        )

    def begin(self, name: str) -> CallFault | None:
        """A call begins. Returns what else is to go wrong at it, once time has passed and others have had their turn.

        Raises:
            CrashError: The process dies here.
        """
        if self.muted:
            return None
        self.calls += 1
        self.names.append(name)
        self._sample()
        self._land()
        fault = self._fault(name)
        if fault is None:
            return None
        kind = fault.kind
        if kind is CallKind.CRASH:
            raise CrashError(name)
        if kind is CallKind.SLOW:
            self.around.wait(fault.for_s)
        elif kind is CallKind.RIVAL:
            self._rival()
        elif kind is CallKind.PAUSE:
            self._rival()
            self.around.wait(fault.for_s)
            self._rival()
        return fault

    def _fault(self, name: str) -> CallFault | None:
        fault, standing = self._planned.get(self.calls), self._standing.get(name)
        if fault is None and standing is not None:
            fault = CallFault(call=self.calls, kind=standing)
        if fault is None or fault.kind not in CALLS[name]:
            return None
        self.strike(fault, name, standing=self.calls not in self._planned)
        return fault

    def strike(self, fault: CallFault | WakeFault, name: str, *, standing: bool = False) -> None:
        """A fault comes about.

        Args:
            fault: Which.
            name: Of the call, or ``wake-up``.
            standing: Whether it is one of those that strike every time.
        """
        found = Struck(at_s=self.around.now_s(), what=fault, name=name, standing=standing)
        self.struck.append(found)
        self.around.struck(found)

    def _rival(self) -> None:
        self.muted = True
        try:
            self.around.rival()
        finally:
            self.muted = False

    # -- Reads ------------------------------------------------------------------------------------------------------

    def read(self, memory: Memory, name: str, inner: Callable[[], _T]) -> _T:
        """A call that only reads.

        Raises:
            UnavailableError: As planned.
        """
        fault = self.begin(name)
        kind = None if fault is None else fault.kind
        if kind is CallKind.FAIL:
            raise UnavailableError(f"{name}: no answer")
        if fault is not None and kind is CallKind.STALE:
            older = self._older(memory, name, fault)
            value, versions = older.value, older.versions
        else:
            value, versions = inner(), self.versions
        for each in OBJECTS[name]:
            memory.seen[each] = versions.get(each, 0)
        return value  # type: ignore[return-value]  # what the same read returned before

    def _older(self, memory: Memory, name: str, fault: CallFault) -> _Read:
        """So many versions old; or, where every read is stale, as it was a while ago: it does catch up."""
        self._sample()
        past = self.history[name]
        found = len(past) - 1
        if name in self._standing:
            then_s = self.around.now_s() - fault.for_s
            while found > 0 and past[found].since_s > then_s:
                found -= 1
        else:
            found -= fault.depth
        return past[max(memory.floor.get(name, 0), found)]

    def _sample(self) -> None:
        """Remember what reads would return now, for later ones that are stale."""
        if self.calls > self._last_stale:
            return
        for name, sampler in self.samplers.items():
            try:
                value = sampler()
            except PortError:
                continue  # it is gone: an older answer is all there ever was
            past = self.history.setdefault(name, [])
            versions = {each: self.versions.get(each, 0) for each in OBJECTS[name]}
            if not past or (past[-1].value, past[-1].versions) != (value, versions):
                past.append(_Read(value, versions, self.around.now_s()))

    def started(self) -> Memory:
        """A process has begun, and has read everything afresh."""
        memory = Memory()
        self._sample()
        memory.floor = {name: len(past) - 1 for name, past in self.history.items()}
        return memory

    # -- Writes -----------------------------------------------------------------------------------------------------

    def write(self, memory: Memory, name: str, inner: Callable[[], _T]) -> _T:
        """A call that changes something.

        Raises:
            UnavailableError: As planned.
            ConflictError: As planned, or since somebody else has written what this process read before.
        """
        fault = self.begin(name)
        kind = None if fault is None else fault.kind
        if kind is CallKind.FAIL:
            raise UnavailableError(f"{name}: refused")
        if kind is CallKind.CONFLICT:
            raise ConflictError(f"{name}: somebody else wrote")
        (written,) = OBJECTS[name]
        seen = memory.seen.get(written, self.versions.get(written, 0))
        if fault is not None and kind is CallKind.TIME_OUT:
            arrive = self.around.arrival()
            effect = functools.partial(self._effect, written, seen, name, inner)
            self.late.append(_Late(self.calls + fault.depth, functools.partial(arrive, effect)))
            self.around.wait(fault.for_s)
            raise UnavailableError(f"{name}: timed out")
        result = self._effect(written, seen, name, inner)
        if kind is CallKind.LOST_ANSWER:
            raise UnavailableError(f"{name}: the answer is lost")
        self._acknowledged(memory, written)
        if kind is CallKind.CRASH_AFTER:
            raise CrashError(name)
        return result

    def _effect(self, written: str, seen: int, name: str, inner: Callable[[], _T]) -> _T:
        if self.versions.get(written, 0) != seen:
            raise ConflictError(f"{name}: somebody else wrote")
        before = self.versions.get(written, 0)
        self.versions[written] = before + 1
        try:
            return inner()
        except PortError:
            self.versions[written] = before
            raise

    def _acknowledged(self, memory: Memory, written: str) -> None:
        """From now on this process sees at least its own write."""
        memory.seen[written] = self.versions[written]
        if self.calls > self._last_stale or self.muted:
            return
        self._sample()
        for name, past in self.history.items():
            if written in OBJECTS[name]:
                memory.floor[name] = len(past) - 1

    def _land(self) -> None:
        """What was under way arrives, if it has not been overtaken."""
        due = [each for each in self.late if each.at <= self.calls]
        self.late = [each for each in self.late if each.at > self.calls]
        for each in due:
            try:
                each.write()
            except PortError:
                continue  # refused, and nobody is there any more to be told
