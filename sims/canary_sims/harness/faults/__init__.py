"""Fault plans and faulty ports (`canary_sims.faults`), and the campaigns over the world in memory.

The campaigns are in `canary_sims.harness.faults.campaign`.
"""

from canary_sims.faults import (
    CALLS,
    DELAY_S,
    STANDING,
    CallFault,
    CallKind,
    CrashError,
    Fault,
    Injector,
    Memory,
    Plan,
    Standing,
    Struck,
    Surroundings,
    WakeFault,
    WakeKind,
    faulty,
)

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
