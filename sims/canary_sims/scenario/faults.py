"""Faults in scenario files: the shape that they have there, and what it means."""

from typing import Any, Final, NewType

from attrs import frozen

from canary_sims.faults import (
    STANDING,
    CallFault,
    CallKind,
    Fault,
    Plan,
    Standing,
    WakeFault,
    WakeKind,
)
from canary_sims.scenario import quantities as q

__all__ = ["CallName", "FaultShape", "Number", "call_name", "number", "plan_of"]

Number = NewType("Number", int)
CallName = NewType("CallName", str)

_MOST: Final = 1_000_000


def number(value: Any, _: Any = None) -> Number:
    """Which call, which wake-up, how many versions: counted from 1."""
    if type(value) is not int or not 1 <= value <= _MOST:
        raise q.NotAllowedError(value, f"a whole number from 1 to {_MOST}")
    return Number(value)


def call_name(value: Any, _: Any = None) -> CallName:
    """A port call that may go wrong each time."""
    if value not in STANDING:
        hint = q.closest(value, list(STANDING)) if isinstance(value, str) else ""
        raise q.NotAllowedError(value, "one of " + ", ".join(STANDING) + hint)
    return CallName(value)


@frozen(kw_only=True)
class FaultShape:
    """An element of ``faults``."""

    kind: q.Text
    call: Number | None = None
    wake_up: Number | None = None
    every: CallName | None = None
    depth: Number | None = None
    lasts: q.Seconds | None = None

    def __attrs_post_init__(self) -> None:
        """It strikes in one way."""
        said = [name for name in ("call", "wake_up", "every") if getattr(self, name) is not None]
        if len(said) != 1:
            given = " and ".join(said).replace("wake_up", "wakeUp") or "nothing"
            raise q.NotAllowedError(given, "exactly one of call, wakeUp, every")
        self.fault()

    def fault(self) -> Fault | Standing:
        """What it means."""
        extra: dict[str, Any] = {} if self.lasts is None else {"for_s": self.lasts}
        if self.wake_up is not None:
            return WakeFault(wake=self.wake_up, kind=q.choice(self.kind, WakeKind), **extra)
        if self.every is not None:
            kinds = STANDING[self.every]
            kind = q.choice(self.kind, CallKind)
            if kind not in kinds:
                raise q.NotAllowedError(self.kind, "one of " + ", ".join(each.value for each in kinds))
            return Standing(every=self.every, kind=kind)
        if self.depth is not None:
            extra["depth"] = self.depth
        return CallFault(call=self.call or 1, kind=q.choice(self.kind, CallKind), **extra)


def plan_of(shapes: list[FaultShape]) -> Plan:
    """The plan that a file declares."""
    found = [shape.fault() for shape in shapes]
    return Plan(
        faults=tuple(fault for fault in found if not isinstance(fault, Standing)),
        standing=tuple(fault for fault in found if isinstance(fault, Standing)),
    )
