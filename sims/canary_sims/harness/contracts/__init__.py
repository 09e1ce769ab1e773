"""One contract suite per port: what every implementation of it has to keep to, in memory or on a real cluster.

Derive a class whose name starts with ``Test`` from a suite, and give it what it asks for: a fresh world behind each
port, and a back door to that world, so that no port is used to test itself. No test framework is imported: pytest
collects such classes; any other runner can call the methods. A capability that an implementation lacks is declared
by a flag; what depends on it then has nothing to check.
"""

from canary_sims.harness.contracts.clock import ClockContract
from canary_sims.harness.contracts.hooks import HooksContract
from canary_sims.harness.contracts.metrics import MetricSourceContract
from canary_sims.harness.contracts.notifier import NotifierContract
from canary_sims.harness.contracts.router import RouterContract
from canary_sims.harness.contracts.store import RolloutStoreContract
from canary_sims.harness.contracts.workload import WorkloadContract

__all__ = [
    "ClockContract",
    "HooksContract",
    "MetricSourceContract",
    "NotifierContract",
    "RolloutStoreContract",
    "RouterContract",
    "WorkloadContract",
]
