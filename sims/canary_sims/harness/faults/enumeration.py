"""All single faults of a story, its frozen ones, and plans by chance."""

import random
from collections.abc import Iterator, Sequence
from typing import Final

from canary_core import HookType, Policy
from canary_sims.faults.plan import (
    CALLS,
    STANDING,
    CallFault,
    CallKind,
    Fault,
    Plan,
    Standing,
    WakeFault,
    WakeKind,
)

GATES: Final = (HookType.CONFIRM_ROLLOUT, HookType.CONFIRM_TRAFFIC_INCREASE, HookType.CONFIRM_PROMOTION)

__all__ = ["GATES", "by_chance", "in_order", "singles", "standings"]

_TIMES_S: Final = (30.0, 5.0, 90.0, 700.0)
"""How long what takes long may take; the last is beyond most deadlines."""
_BURSTS: Final = (1, 1, 2, 3, 5, 8)
"""How many faults a plan by chance has."""


def singles(calls: Sequence[str], wakes: int, *, interval_s: float) -> Iterator[Fault]:
    """Every fault that may strike one of these calls or wake-ups, each once.

    Args:
        calls: Names of the calls of a run.
        wakes: How many wake-ups it had.
        interval_s: Of the policy: what is slow takes half of it, a pause two of them.
    """
    for number, name in enumerate(calls, 1):
        for kind in CALLS[name]:
            for depth in (1, 2) if kind in {CallKind.STALE, CallKind.TIME_OUT} else (1,):
                for_s = 2 * interval_s if kind is CallKind.PAUSE else interval_s / 2
                yield CallFault(call=number, kind=kind, depth=depth, for_s=for_s)
    for number in range(1, wakes + 1):
        for wake in WakeKind:
            yield WakeFault(wake=number, kind=wake, for_s=2.5 * interval_s)


def standings(policy: Policy, calls: Sequence[str]) -> Iterator[Plan]:
    """Every way in which one of these calls may go wrong each time, and yet leave a way to the end.

    Args:
        policy: Whose rollout it is: a gate that cannot be reached for good is closed for good, which is a person's
            business, unless there is a deadline.
        calls: Names of the calls of a run.
    """
    for name in dict.fromkeys(calls):
        for kind in standing_kinds(policy, name):
            yield Plan(standing=(Standing(every=name, kind=kind),))


def standing_kinds(policy: Policy, name: str) -> tuple[CallKind, ...]:
    """What may go wrong at every call of a name, under a policy."""
    gated = policy.approval_deadline_s is None and any(map(policy.hooks_of, GATES))
    return (CallKind.SLOW,) if name == "hooks.ask" and gated else STANDING.get(name, ())


def by_chance(chance: random.Random, policy: Policy, calls: Sequence[str], wakes: int) -> Plan:
    """A plan, as likely as any: few faults or a storm, close to each other or not.

    Args:
        chance: Where it comes from.
        policy: Whose rollout it is.
        calls: Names of the calls of a run without faults; later ones get a fault as well.
        wakes: How many wake-ups that had.
    """
    number = chance.choice(_BURSTS)
    if chance.random() < 0.1:
        number = chance.randint(10, 40)
    begin = chance.randint(1, len(calls) + 5)
    spread = chance.choice((3, 10, len(calls) + 20))
    faults: dict[tuple[type, int], Fault] = {}
    for _ in range(number):
        fault = _fault(chance, calls, begin, spread, wakes)
        faults[type(fault), fault.wake if isinstance(fault, WakeFault) else fault.call] = fault
    return Plan(faults=tuple(sorted(faults.values(), key=in_order)), standing=_standing(chance, policy, calls))


def _fault(chance: random.Random, calls: Sequence[str], begin: int, spread: int, wakes: int) -> Fault:
    for_s = chance.choice(_TIMES_S)
    if chance.random() < 0.15:
        return WakeFault(wake=chance.randint(1, wakes + 5), kind=chance.choice(list(WakeKind)), for_s=for_s)
    call = begin + chance.randint(0, spread)
    # A fault shifts all later calls, so what they will be is a guess.
    name = calls[min(call, len(calls)) - 1]
    kind = chance.choice(CALLS[name] if chance.random() < 0.7 else list(CallKind))
    return CallFault(call=call, kind=kind, depth=chance.choice((1, 1, 2, 3, 6)), for_s=for_s)


def _standing(chance: random.Random, policy: Policy, calls: Sequence[str]) -> tuple[Standing, ...]:
    if chance.random() >= 0.15:
        return ()
    name = chance.choice([name for name in dict.fromkeys(calls) if standing_kinds(policy, name)])
    return (Standing(every=name, kind=chance.choice(standing_kinds(policy, name))),)


def in_order(fault: Fault) -> tuple[bool, int]:
    """What to sort the faults of a plan by."""
    return (True, fault.wake) if isinstance(fault, WakeFault) else (False, fault.call)
