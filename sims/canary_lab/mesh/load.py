"""Constant load: so many requests a second, whatever becomes of them, and a record of every single one.

An open model, as users are one: a slow answer does not hold back the next request. Each request is due at a fixed time;
if the connections are all busy, another is opened, up to a bound, and beyond that the request waits its turn. A request
that never got its turn is an answer, too, with an error that says so: the count of answers is always the count of
requests that were due.
"""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from types import TracebackType
from typing import Final, Self

from attrs import frozen

from canary_lab.mesh.client import Answer, Client, Visitor, fetch
from canary_lab.mesh.http1 import SettingError, request_to

__all__ = ["Answer", "Load", "SettingError", "Summary", "Tally", "Visitor", "fetch", "percentile", "summary"]

MOST_CONNECTIONS: Final = 512
"""Open at a time, unless told otherwise."""


class Load:
    """Sends requests at a constant rate from a thread of its own; a context manager.

    The record grows by one `Answer` for each request, and is not shortened.
    """

    def __init__(
        self,
        url: str,
        *,
        rate: float,
        proxy: str | None = None,
        connections: int = 16,
        most_connections: int = MOST_CONNECTIONS,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        """Makes one that does not send yet.

        Args:
            url: Of all requests.
            rate: Requests a second.
            proxy: A forward proxy. None: straight to the server.
            connections: How many are kept open when they are idle.
            most_connections: How many may be open at a time.
            headers: Further ones.
            timeout_s: Seconds until a request counts as lost; also how long one waits for its turn.

        Raises:
            SettingError: One of these makes no sense.
        """
        for name, value in (("rate", rate), ("timeout_s", timeout_s)):
            if not 0 < value < float("inf"):
                raise SettingError(name, value, "a number above 0")
        if not 1 <= connections <= most_connections:
            raise SettingError("connections", connections, f"from 1 to most_connections, {most_connections}")
        self._request = request_to(url, proxy=proxy, headers=headers)
        self._rate, self._timeout_s = rate, timeout_s
        self._keep, self._most = connections, most_connections
        self._answers: list[Answer] = []
        self._thread: threading.Thread | None = None
        self._sender: _Sender | None = None
        self._started = threading.Event()
        self._failure: Exception | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All answers so far, in the order of their coming."""
        return tuple(self._answers)

    def since(self, index: int) -> tuple[Answer, ...]:
        """The answers from the one with this number, counted from 0."""
        return tuple(self._answers[index:])

    def start(self) -> Self:
        """Begin to send.

        Raises:
            RuntimeError: It was started before.
        """
        if self._thread is not None:
            raise RuntimeError("a load is started once")
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()
        self._started.wait()
        return self

    def stop(self) -> None:
        """Send no more, and wait for what is on its way; twice is the same as once."""
        if self._thread is None:
            return
        if self._sender is not None:
            self._sender.stop()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - `stop` raises it in the thread that asked
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        client = Client(self._request, timeout_s=self._timeout_s, keep=self._keep)
        self._sender = _Sender(client, self._answers, rate=self._rate, most=self._most, patience_s=self._timeout_s)
        self._started.set()
        try:
            await self._sender.run()
        finally:
            client.close()


class _Sender:
    """The part of a load that lives in its event loop."""

    def __init__(self, client: Client, answers: list[Answer], *, rate: float, most: int, patience_s: float) -> None:
        self._client, self._answers, self._patience_s = client, answers, patience_s
        self._rate, self._most = rate, most
        self._slots = asyncio.Semaphore(most)
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._begin_s = self._loop.time()
        self._due = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Send no more. May be called from any thread, and after the end."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended
            self._loop.call_soon_threadsafe(self._stopped.set)

    async def run(self) -> None:
        """Send until it is stopped, then wait for what is on its way."""
        self._send_what_is_due()
        await self._stopped.wait()
        if self._timer is not None:
            self._timer.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._failure is not None:
            raise self._failure

    def _send_what_is_due(self) -> None:
        now_s = self._loop.time()
        while (due_s := self._begin_s + self._due / self._rate) <= now_s:
            task = self._loop.create_task(self._send(due_s))
            self._tasks.add(task)
            task.add_done_callback(self._done)
            self._due += 1
        self._timer = self._loop.call_at(due_s, self._send_what_is_due)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._stopped.set()

    async def _send(self, due_s: float) -> None:
        if not await self._has_turn():
            now_s = self._loop.time()
            error = f"not sent: {self._most} connections were busy for {self._patience_s:g} s"
            self._answers.append(Answer(at_s=now_s, took_s=0.0, late_s=now_s - due_s, error=error))
            return
        try:
            self._answers.append(await self._client.ask(due_s=due_s))
        finally:
            self._slots.release()

    async def _has_turn(self) -> bool:
        """Wait for one. It has to be given back."""
        if not self._slots.locked():
            return await self._slots.acquire()
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._slots.acquire()
        except TimeoutError:
            return False


@frozen(kw_only=True)
class Tally:
    """How many answers were of one kind."""

    version: str
    status: int
    """0: there was no answer."""
    count: int


@frozen(kw_only=True)
class Summary:
    """What a number of answers come to."""

    count: int
    """Requests that were due."""
    lost: int
    """Those without an answer."""
    failed: int
    """Those that their sender would call failed: lost, or a status of 500 and above."""
    tallies: tuple[Tally, ...]
    """By version and status."""
    errors: tuple[tuple[str, int], ...]
    """Why there was no answer, and how often; the most frequent first."""
    p50_s: float | None
    """Half of the requests that were answered took no longer, in seconds. None: none was."""
    p99_s: float | None


def summary(answers: Iterable[Answer]) -> Summary:
    """What a number of answers come to."""
    answers = tuple(answers)
    kinds = Counter((answer.version, answer.status) for answer in answers)
    lost = sum(count for (_, status), count in kinds.items() if status == 0)
    broken = sum(count for (_, status), count in kinds.items() if status >= 500)
    took_s = sorted(answer.took_s for answer in answers if answer.status)
    return Summary(
        count=len(answers),
        lost=lost,
        failed=lost + broken,
        tallies=tuple(Tally(version=kind[0], status=kind[1], count=kinds[kind]) for kind in sorted(kinds)),
        errors=tuple(Counter(answer.error for answer in answers if not answer.status).most_common()),
        p50_s=percentile(took_s, 50),
        p99_s=percentile(took_s, 99),
    )


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """The smallest value that so many percent of the values do not exceed (nearest rank). None: there are no values.

    Args:
        ordered: From the smallest to the largest.
        percent: Above 0, up to 100.
    """
    return ordered[ceil(len(ordered) * percent / 100) - 1] if ordered else None
