"""What goes wrong around a controller: fault plans, and ports that go by them.

This much needs nothing but ports, of whatever kind. The campaigns over the world in memory are in
`canary_sims.harness.faults.campaign`.
"""

from canary_sims.harness.faults.injector import CrashError, Injector, Memory, Struck, Surroundings
from canary_sims.harness.faults.plan import (
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
from canary_sims.harness.faults.ports import faulty

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
