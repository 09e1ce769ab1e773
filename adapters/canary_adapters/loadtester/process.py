"""One program in a session of its own: bounded in time and output, and ended with all that it has started."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from attrs import field, frozen

from canary_adapters.loadtester.output import readable

__all__ = ["MOST_OUTPUT", "Cause", "Ended", "Process"]

MOST_OUTPUT: Final = 64 * 1024
"""Bytes of output that are kept, from its beginning."""
_LAST_WORDS_S: Final = 1.0
"""For output that is still in the pipe at the end. A process that has left the group can hold it open for ever."""


class Cause(Enum):
    """Why a program has ended."""

    EXITED = "exited"
    TIMED_OUT = "timed out"
    STOPPED = "stopped"
    NOT_STARTED = "not started"


@frozen(kw_only=True)
class Ended:
    """How it went."""

    cause: Cause
    status: int | None = None
    """Exit status; negative: the signal that ended it. None: it never ran."""
    output: str = field(default="", repr=False)
    """The beginning of what it wrote, standard output and error as they came, without what terminals act on."""
    reason: str = ""
    """Why it could not be started."""

    @property
    def ok(self) -> bool:
        """Whether it ended by itself, with status 0."""
        return self.cause is Cause.EXITED and self.status == 0

    @property
    def result(self) -> str:
        """succeeded, failed, timed_out, stopped or not_started."""
        if self.cause is Cause.EXITED:
            return "succeeded" if self.ok else "failed"
        return self.cause.name.lower()

    @property
    def error(self) -> str:
        """What went wrong, in the words of Go where it has some; empty: nothing."""
        if self.cause is not Cause.EXITED:
            return self.reason or self.cause.value
        if not self.status:
            return ""
        if self.status > 0:
            return f"exit status {self.status}"
        return f"signal: {(signal.strsignal(-self.status) or str(-self.status)).lower()}"


class Process(asyncio.SubprocessProtocol):
    """Runs a program once. `run` is never cancelled: who wants it to end calls `stop`."""

    def __init__(self) -> None:
        self._cause: asyncio.Future[Cause] = asyncio.get_running_loop().create_future()
        self._exited, self._closed = asyncio.Event(), asyncio.Event()
        self._output = bytearray()

    async def run(
        self, argv: Sequence[str], *, environment: Mapping[str, str], timeout_s: float, grace_s: float
    ) -> Ended:
        """Run it to its end.

        Args:
            argv: The file, and the arguments.
            environment: All that it gets.
            timeout_s: Seconds until it is ended.
            grace_s: Seconds between the request to end and the end by force.
        """
        if self._cause.done():
            return Ended(cause=self._cause.result())
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.subprocess_exec(
                lambda: self,
                *(part.encode(errors="surrogateescape") for part in argv),  # whatever the locale is
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )
        except OSError as error:
            return Ended(cause=Cause.NOT_STARTED, reason=error.strerror or type(error).__name__)
        timer = loop.call_later(timeout_s, self._settle, Cause.TIMED_OUT)
        try:
            cause = await self._cause
            if cause is not Cause.EXITED:
                await self._ask_to_end(transport.get_pid(), grace_s)
            await self._end_by_force(transport.get_pid())
        finally:
            timer.cancel()
            transport.close()
        return Ended(cause=cause, status=transport.get_returncode(), output=readable(bytes(self._output)))

    def stop(self) -> None:
        """Have it end soon, or never begin."""
        self._settle(Cause.STOPPED)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep the beginning; read on, so that the program is not held up."""
        del fd
        self._output += data[: MOST_OUTPUT - len(self._output)]

    def process_exited(self) -> None:
        """It has ended; what it has started may still run."""
        self._exited.set()
        self._settle(Cause.EXITED)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended, and nobody holds its output open."""
        del exc
        self._closed.set()

    def _settle(self, cause: Cause) -> None:
        if not self._cause.done():
            self._cause.set_result(cause)

    async def _ask_to_end(self, group: int, grace_s: float) -> None:
        _signal(group, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._exited.wait()

    async def _end_by_force(self, group: int) -> None:
        # The number cannot have been given to others: not while the group has members, and not so soon after.
        _signal(group, signal.SIGKILL)
        await self._exited.wait()
        await _reap(group)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._closed.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


async def _reap(group: int) -> None:
    """As the first process of a container we inherit what a command leaves behind, and nobody else would bury it."""
    for _ in range(100):
        try:
            found, _ = os.waitpid(-group, os.WNOHANG)
        except ChildProcessError:
            return
        if not found:
            await asyncio.sleep(0.01)
