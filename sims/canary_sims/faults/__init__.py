"""What goes wrong around a controller: fault plans, and ports that go by them. Nothing but ports is needed."""

from canary_sims.faults.injector import CrashError, Injector, Memory, Struck, Surroundings
from canary_sims.faults.plan import (
    CALLS,
    DELAY_S,
    STANDING,
    CallFault,
    CallKind,
    Fault,
    Plan,
    Standing,
    WakeFault,
    WakeKind,
)
from canary_sims.faults.ports import faulty

__all__ = [
    "CALLS",
    "DELAY_S",
    "STANDING",
    "CallFault",
    "CallKind",
    "CrashError",
    "Fault",
    "Injector",
    "Memory",
    "Plan",
    "Standing",
    "Struck",
    "Surroundings",
    "WakeFault",
    "WakeKind",
    "faulty",
]
