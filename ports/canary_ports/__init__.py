"""The outside world as the core needs it: one Protocol per concern, and the driver that joins them to the machine."""

from canary_ports.clock import Clock
from canary_ports.driver import Attempt, Gather, Ports, Tick, tick
from canary_ports.errors import (
    ConflictError,
    GoneError,
    PortError,
    RefusedError,
    RevisionChangedError,
    UnavailableError,
)
from canary_ports.hooks import Hooks
from canary_ports.metrics import MetricSource
from canary_ports.notifier import Notifier
from canary_ports.router import RouterPort
from canary_ports.store import RolloutStore, Stored
from canary_ports.workload import WorkloadPort, Workloads

__all__ = [
    "Attempt",
    "Clock",
    "ConflictError",
    "Gather",
    "GoneError",
    "Hooks",
    "MetricSource",
    "Notifier",
    "PortError",
    "Ports",
    "RefusedError",
    "RevisionChangedError",
    "RolloutStore",
    "RouterPort",
    "Stored",
    "Tick",
    "UnavailableError",
    "WorkloadPort",
    "Workloads",
    "tick",
]
