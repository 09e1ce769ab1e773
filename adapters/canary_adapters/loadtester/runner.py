"""Runs commands: so many at once, shared by namespaces, each load of a canary once at a time, and none at the end."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Final, TypeAlias

import structlog
from attrs import define, field, frozen

from canary_adapters.loadtester.command import Command
from canary_adapters.loadtester.metrics import Metrics
from canary_adapters.loadtester.options import Options
from canary_adapters.loadtester.payload import Payload
from canary_adapters.loadtester.process import Cause, Ended, Process
from canary_adapters.loadtester.slots import FullError, Slots

__all__ = ["ClosedError", "FullError", "Runner"]

_END_S: Final = 5.0
"""At the end, for what does not even end by force."""
_Key: TypeAlias = tuple[str, str, str]
_log = structlog.get_logger("canary.loadtester")


class ClosedError(Exception):
    """Nothing is started any more."""


@frozen(kw_only=True)
class _Asked:
    """A command and who wants it."""

    command: Command
    payload: Payload

    @property
    def key(self) -> _Key:
        """What is the same load."""
        return self.payload.name, self.payload.namespace, self.command.text


@define(eq=False, kw_only=True)
class _Job:
    """A command that runs or waits."""

    number: int
    asked: _Asked
    ticket: asyncio.Future[bool]
    process: Process = field(factory=Process)


@define(kw_only=True)
class _Load:
    """A command in the background, and whoever wants it again."""

    twin: _Asked | None = None
    until: float = 0.0
    """The twin waits no longer than this, by the clock of the loop."""


class Runner:
    """For one event loop."""

    def __init__(self, options: Options, metrics: Metrics, environment: Mapping[str, str]) -> None:
        """Makes one.

        Args:
            options: Bounds.
            metrics: Where to count.
            environment: Of the commands.
        """
        self._options, self._metrics, self._environment = options, metrics, environment
        self._slots = Slots(options.most_running, options.most_waiting)
        self._numbers = itertools.count(1)
        self._jobs: set[_Job] = set()
        self._tasks: set[asyncio.Task[Ended]] = set()
        self._loads: dict[_Key, _Load] = {}
        self._closed = False

    @property
    def waiting(self) -> int:
        """Commands that wait for others to end."""
        return self._slots.waiting

    async def run(self, command: Command, payload: Payload) -> Ended:
        """Run a command to its end. If the caller is cancelled, the command is ended.

        Raises:
            ClosedError: Nothing is started any more.
            FullError: Too many of this namespace run and wait.
        """
        job = self._job(_Asked(command=command, payload=payload))
        task = self._spawn(job)
        try:
            # The task is not cancelled: it sees to it that nothing of the command is left.
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._stop(job)
            raise

    def load(self, command: Command, payload: Payload) -> None:
        """Run a command in the background, unless the same one runs for the same canary.

        One that ends soon after it was asked for again is started again: a load of a minute, asked for every minute,
        would otherwise be there in every second minute only.

        Raises:
            ClosedError: Nothing is started any more.
            FullError: Too many of this namespace run and wait.
        """
        asked = _Asked(command=command, payload=payload)
        load = self._loads.get(asked.key)
        if load is None:
            self._begin(asked)
            return
        load.twin, load.until = asked, asyncio.get_running_loop().time() + self._options.handover_s
        self._metrics.repeated()
        _log.info("this load runs already", **_facts(asked))

    async def close(self) -> None:
        """End all commands, and start none any more."""
        self._closed = True
        for job in self._jobs:
            self._stop(job)
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=self._options.grace_s + _END_S)
            if left:
                _log.error("commands could not be ended", count=len(left))

    def _begin(self, asked: _Asked) -> None:
        job = self._job(asked)
        self._loads[asked.key] = _Load()
        self._spawn(job).add_done_callback(lambda _: self._load_ended(asked.key))

    def _load_ended(self, key: _Key) -> None:
        load = self._loads.pop(key)
        if load.twin is None or self._closed or asyncio.get_running_loop().time() > load.until:
            return
        try:
            self._begin(load.twin)
        except FullError:
            _log.warning("a load was not started again: too many commands of its namespace", **_facts(load.twin))

    def _job(self, asked: _Asked) -> _Job:
        if self._closed:
            raise ClosedError
        job = _Job(number=next(self._numbers), asked=asked, ticket=self._slots.ask(asked.payload.namespace))
        self._jobs.add(job)
        return job

    def _spawn(self, job: _Job) -> asyncio.Task[Ended]:
        task = asyncio.get_running_loop().create_task(self._supervise(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _stop(self, job: _Job) -> None:
        self._slots.withdraw(job.ticket, job.asked.payload.namespace)
        job.process.stop()

    async def _supervise(self, job: _Job) -> Ended:
        try:
            if not await job.ticket:
                return Ended(cause=Cause.STOPPED)
            try:
                return await self._run(job)
            finally:
                self._slots.release(job.asked.payload.namespace)
        finally:
            self._jobs.discard(job)

    async def _run(self, job: _Job) -> Ended:
        command = job.asked.command
        log = _log.bind(job=job.number, **_facts(job.asked))
        log.info("a command begins", arguments=len(command.argv) - 1, blocking=command.blocking)
        begun = asyncio.get_running_loop().time()
        self._metrics.started(command.program)
        result = "failed"
        try:
            ended = await job.process.run(
                command.argv,
                environment=self._environment,
                timeout_s=self._options.timeout_s,
                grace_s=self._options.grace_s,
            )
            result = ended.result
        finally:
            self._metrics.ended(command.program, result)
        took_s = round(asyncio.get_running_loop().time() - begun, 3)
        write = log.info if ended.ok else log.warning
        shown = {"output": ended.output} if command.log_output else {}
        write("a command has ended", result=result, error=ended.error, took_s=took_s, **shown)
        return ended


def _facts(asked: _Asked) -> dict[str, str]:
    """What may be written of a command: arguments can hold secrets."""
    name = f"{asked.payload.name}.{asked.payload.namespace}"
    return {"program": asked.command.program, "canary": name, "phase": asked.payload.phase}
