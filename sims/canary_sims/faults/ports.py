"""Ports wrapped so that each call consults a fault plan first. What they wrap is anybody's."""

from collections.abc import Callable

from attrs import define

from canary_core import (
    Approved,
    HookQuestion,
    Measurement,
    MetricQuestion,
    Notice,
    Record,
    Refused,
    Rollout,
    SourceError,
    SourcesOnline,
    Traffic,
    Unreachable,
)
from canary_ports import Hooks, MetricSource, Notifier, Ports, RolloutStore, RouterPort, Stored, WorkloadPort, Workloads
from canary_sims.faults.injector import CrashError, Injector, Memory
from canary_sims.faults.plan import CallKind

__all__ = ["faulty"]


def faulty(injector: Injector, ports: Ports, memory: Memory | None = None) -> Ports:
    """The ports of a process, with the faults of a run.

    Args:
        injector: The faults; all processes of a run share it.
        ports: What is wrapped. Reads of them are made at other times as well, to have older versions to show.
        memory: What the process knows. None: it has just begun.
    """
    if not injector.samplers:
        injector.samplers = {
            "store.load": ports.store.load,
            "workload.observe": ports.workload.observe,
            "router.read": ports.router.read,
        }
    if memory is None:
        memory = injector.started()
    return Ports(
        workload=_Workload(injector, memory, ports.workload),
        router=_Router(injector, memory, ports.router),
        metrics=_Metrics(injector, ports.metrics),
        hooks=_Hooks(injector, ports.hooks),
        store=_Store(injector, memory, ports.store),
        notifier=_Notifier(injector, ports.notifier),
        clock=ports.clock,
    )


@define
class _Workload:
    injector: Injector
    memory: Memory
    inner: WorkloadPort

    def observe(self) -> Workloads:
        return self.injector.read(self.memory, "workload.observe", self.inner.observe)

    def kept(self) -> frozenset[str]:
        return self.inner.kept()

    def ensure_primary(self, revision: str, replicas: int) -> None:
        self._write("ensure_primary", lambda: self.inner.ensure_primary(revision, replicas))

    def promote(self, revision: str, replicas: int | None) -> None:
        self._write("promote", lambda: self.inner.promote(revision, replicas))

    def hold_primary(self, replicas: int | None) -> None:
        self._write("hold_primary", lambda: self.inner.hold_primary(replicas))

    def drop_former(self) -> None:
        self._write("drop_former", self.inner.drop_former)

    def remove_primary(self) -> None:
        self._write("remove_primary", self.inner.remove_primary)

    def restore_primary(self, revision: str) -> None:
        self._write("restore_primary", lambda: self.inner.restore_primary(revision))

    def scale_primary(self, replicas: int) -> None:
        self._write("scale_primary", lambda: self.inner.scale_primary(replicas))

    def scale_canary(self, replicas: int) -> None:
        self._write("scale_canary", lambda: self.inner.scale_canary(replicas))

    def _write(self, method: str, inner: Callable[[], None]) -> None:
        self.injector.write(self.memory, f"workload.{method}", inner)


@define
class _Router:
    injector: Injector
    memory: Memory
    inner: RouterPort

    def read(self) -> Traffic | None:
        return self.injector.read(self.memory, "router.read", self.inner.read)

    def ensure(self, traffic: Traffic) -> None:
        self.injector.write(self.memory, "router.ensure", lambda: self.inner.ensure(traffic))

    def release(self) -> None:
        self.injector.write(self.memory, "router.release", self.inner.release)


@define
class _Store:
    injector: Injector
    memory: Memory
    inner: RolloutStore

    def load(self) -> Stored:
        return self.injector.read(self.memory, "store.load", self.inner.load)

    def save(self, rollout: Rollout, version: str, record: Record | None = None) -> str:
        return self.injector.write(self.memory, "store.save", lambda: self.inner.save(rollout, version, record))

    def release(self) -> None:
        self.injector.write(self.memory, "store.release", self.inner.release)


@define
class _Metrics:
    injector: Injector
    inner: MetricSource

    def measure(self, question: MetricQuestion) -> Measurement:
        fault = self.injector.begin("metrics.measure")
        if fault is not None and fault.kind is CallKind.FAIL:
            return SourceError(message="no answer")
        return self.inner.measure(question)

    def online(self) -> SourcesOnline | SourceError:
        fault = self.injector.begin("metrics.online")
        if fault is not None and fault.kind is CallKind.FAIL:
            return SourceError(message="no answer")
        return self.inner.online()


@define
class _Hooks:
    injector: Injector
    inner: Hooks

    def ask(self, question: HookQuestion) -> Approved | Refused | Unreachable:
        fault = self.injector.begin("hooks.ask")
        kind = None if fault is None else fault.kind
        if kind is CallKind.FAIL:
            return Unreachable(message="no answer")
        answer = self.inner.ask(question)
        if kind is CallKind.CRASH_AFTER:
            raise CrashError("hooks.ask")
        return Unreachable(message="the answer is lost") if kind is CallKind.LOST_ANSWER else answer

    def tell(self, hook: str, notice: Notice) -> None:
        fault = self.injector.begin("hooks.tell")
        self.inner.tell(hook, notice)
        if fault is not None and fault.kind is CallKind.CRASH_AFTER:
            raise CrashError("hooks.tell")


@define
class _Notifier:
    injector: Injector
    inner: Notifier

    def tell(self, notice: Notice, rollout: Rollout) -> None:
        fault = self.injector.begin("notifier.tell")
        self.inner.tell(notice, rollout)
        if fault is not None and fault.kind is CallKind.CRASH_AFTER:
            raise CrashError("notifier.tell")
