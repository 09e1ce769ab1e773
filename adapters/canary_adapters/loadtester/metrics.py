"""What the load tester counts."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

__all__ = ["Metrics"]


class Metrics:
    """All metrics of a load tester, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "canary_loadtester_requests", "Requests by path and status.", ["path", "status"], registry=registry
        )
        self._started = Counter(
            "canary_loadtester_commands_started", "Commands that began.", ["program"], registry=registry
        )
        self._ended = Counter(
            "canary_loadtester_commands_ended", "Commands by result.", ["program", "result"], registry=registry
        )
        self._twins = Counter(
            "canary_loadtester_commands_repeated", "Loads that were asked for while they ran.", registry=registry
        )
        self._running = Gauge("canary_loadtester_commands_running", "Commands that run now.", registry=registry)
        self._waiting = Gauge(
            "canary_loadtester_commands_waiting", "Commands that wait for others to end.", registry=registry
        )
        self._gates = Gauge("canary_loadtester_gates_open", "Gates that are open.", registry=registry)

    def requested(self, path: str, status: int) -> None:
        """A request was answered; 499: the client had gone before."""
        self._requests.labels(path, str(status)).inc()

    def started(self, program: str) -> None:
        """A command begins."""
        self._started.labels(program).inc()
        self._running.inc()

    def ended(self, program: str, result: str) -> None:
        """A command that began has ended."""
        self._ended.labels(program, result).inc()
        self._running.dec()

    def repeated(self) -> None:
        """A load was asked for that runs already."""
        self._twins.inc()

    def watch(self, *, waiting: Callable[[], float], gates: Callable[[], float]) -> None:
        """Show numbers that somebody else keeps."""
        self._waiting.set_function(waiting)
        self._gates.set_function(gates)
