"""Fault plans: what goes wrong at which port call and with which wake-up, as values that can be told, kept and shrunk.

Calls are counted from 1 over a whole run, in the order in which the controller makes them; wake-ups likewise. What a
second controller does is not counted. A fault that its call cannot have (a conflict of a read, say) does nothing.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from attrs import field, frozen
from attrs.validators import ge, in_, instance_of

__all__ = [
    "CALLS",
    "DELAY_S",
    "STANDING",
    "CallFault",
    "CallKind",
    "Fault",
    "Plan",
    "Standing",
    "WakeFault",
    "WakeKind",
]

DELAY_S: Final = 30.0
"""Half of the interval of most policies."""


class CallKind(enum.Enum):
    """What may go wrong at a port call."""

    FAIL = "fail"
    """It fails before it has any effect. Of a question: nobody answers."""
    LOST_ANSWER = "lost-answer"
    """It has its effect, but the answer is lost."""
    TIME_OUT = "time-out"
    """The caller gives up waiting, and the effect comes later, if nobody else has written meanwhile."""
    CONFLICT = "conflict"
    """Somebody else wrote in between."""
    SLOW = "slow"
    """It takes long; the world goes on meanwhile."""
    STALE = "stale"
    """It returns an older version. Never one older than what this process wrote, or than its start."""
    CRASH = "crash"
    """The process dies right before, and another one begins with what was saved."""
    CRASH_AFTER = "crash-after"
    """The process dies right after."""
    RIVAL = "rival"
    """Another controller that believes it is leader ticks right before."""
    PAUSE = "pause"
    """The process stands still right before, for longer than its lease; another one leads meanwhile, and ticks at the
    begin and at the end of it. Then this one goes on as if nothing had been."""


class WakeKind(enum.Enum):
    """What may go wrong with a wake-up."""

    TWICE = "twice"
    """Delivered twice."""
    LATE = "late"
    """Delivered late."""
    NEVER = "never"
    """Lost; the next one comes an interval later."""


_ALWAYS: Final = (CallKind.SLOW, CallKind.CRASH, CallKind.RIVAL, CallKind.PAUSE)
_READ: Final = (CallKind.FAIL, CallKind.STALE, *_ALWAYS)
_WRITE: Final = (
    CallKind.FAIL,
    CallKind.LOST_ANSWER,
    CallKind.TIME_OUT,
    CallKind.CONFLICT,
    CallKind.CRASH_AFTER,
    *_ALWAYS,
)

CALLS: Final[Mapping[str, tuple[CallKind, ...]]] = MappingProxyType(
    {
        "store.load": _READ,
        "workload.observe": _READ,
        "router.read": _READ,
        "metrics.online": (CallKind.FAIL, *_ALWAYS),
        "metrics.measure": (CallKind.FAIL, *_ALWAYS),
        "hooks.ask": (CallKind.FAIL, CallKind.LOST_ANSWER, CallKind.CRASH_AFTER, *_ALWAYS),
        "store.save": _WRITE,
        "store.release": _WRITE,
        "workload.ensure_primary": _WRITE,
        "workload.promote": _WRITE,
        "workload.hold_primary": _WRITE,
        "workload.scale_canary": _WRITE,
        "router.ensure": _WRITE,
        "router.release": _WRITE,
        "hooks.tell": (CallKind.CRASH_AFTER, CallKind.CRASH),
        "notifier.tell": (CallKind.CRASH_AFTER, CallKind.CRASH),
    }
)
"""Every port call, and what may go wrong at it. Telling never fails: that is the notifier's own business."""

_FOR_GOOD: Final = (CallKind.SLOW, CallKind.STALE, CallKind.LOST_ANSWER)
_ANSWERS: Final = ("metrics.online", "metrics.measure", "hooks.ask")

STANDING: Final[Mapping[str, tuple[CallKind, ...]]] = MappingProxyType(
    {
        name: tuple(kind for kind in kinds if kind in _FOR_GOOD or (kind is CallKind.FAIL and name in _ANSWERS))
        for name, kinds in CALLS.items()
        if CallKind.SLOW in kinds
    }
    | {"store.save": (CallKind.SLOW,)}
)
"""What may also go wrong each time and for good, and yet leave a way to the end of a rollout. A state that is never
known to be saved does not: nothing is done before that."""


@frozen(kw_only=True)
class CallFault:
    """Something goes wrong at one port call."""

    call: int = field(validator=[instance_of(int), ge(1)])
    """Which, counted from 1."""
    kind: CallKind = field(validator=instance_of(CallKind))
    depth: int = field(default=1, validator=[instance_of(int), ge(1)])
    """Of a stale read: so many versions old. Of a call that times out: so many calls later it has its effect."""
    for_s: float = field(default=DELAY_S, validator=ge(0.0))
    """How long a slow call, a pause, or waiting for an answer that does not come takes."""


@frozen(kw_only=True)
class WakeFault:
    """Something goes wrong with one wake-up."""

    wake: int = field(validator=[instance_of(int), ge(1)])
    """Which, counted from 1."""
    kind: WakeKind = field(validator=instance_of(WakeKind))
    for_s: float = field(default=DELAY_S, validator=ge(0.0))
    """How late it comes."""


Fault: TypeAlias = CallFault | WakeFault


@frozen(kw_only=True)
class Standing:
    """Something goes wrong at every call of a name, from the beginning on and for good."""

    every: str = field(validator=in_(STANDING))
    """``port.method``, one of `STANDING`."""
    kind: CallKind = field(validator=instance_of(CallKind))

    def __attrs_post_init__(self) -> None:
        if self.kind not in STANDING[self.every]:
            allowed = ", ".join(kind.value for kind in STANDING[self.every])
            raise ValueError(f"kind of {self.every} must be one of {allowed}, not {self.kind.value}")


@frozen(kw_only=True)
class Plan:
    """What goes wrong in a run."""

    faults: tuple[Fault, ...] = ()
    standing: tuple[Standing, ...] = ()

    def __len__(self) -> int:
        """How many things go wrong."""
        return len(self.faults) + len(self.standing)

    def without(self, index: int) -> "Plan":
        """This plan without one of its faults, standing ones last."""
        number = len(self.faults)
        if index < number:
            return Plan(faults=self.faults[:index] + self.faults[index + 1 :], standing=self.standing)
        index -= number
        return Plan(faults=self.faults, standing=self.standing[:index] + self.standing[index + 1 :])
