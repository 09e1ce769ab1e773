"""An end to every answer: whoever sends one byte now and then does not keep us for ever.

Timeouts of sockets begin anew with each piece that comes. Here one thread for the whole process looks after what has to
be over by when, and cuts the connection of what is not.
"""

import heapq
import http.client
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from attrs import define
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

__all__ = ["Bounded", "Deadline", "connection_classes", "within"]

_IDLE_S: Final = 5.0
"""The thread ends when it has had nothing to look after for so long."""
_SLACK: Final = 64
"""Entries of what is over that are left where they are."""


@define(eq=False)
class Deadline:
    """Something that has to be over by a time."""

    passed: bool = False
    """Whether it was cut."""


class _Watchdog:
    """Calls what is due, in a thread that is there only while it is needed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Deadline, Callable[[], None]]] = []
        self._open: set[Deadline] = set()
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline, at: float, cut: Callable[[], None]) -> None:
        with self._changed:
            self._open.add(deadline)
            heapq.heappush(self._heap, (at, next(self._numbers), deadline, cut))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif self._heap[0][2] is deadline:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        with self._changed:
            self._open.discard(deadline)
            if len(self._heap) > _SLACK + 2 * len(self._open):
                self._heap = [entry for entry in self._heap if entry[2] in self._open]
                heapq.heapify(self._heap)

    def _run(self) -> None:
        with self._changed:
            idle_since = time.monotonic()
            while True:
                now = time.monotonic()
                while self._heap and self._heap[0][2] not in self._open:
                    heapq.heappop(self._heap)
                if self._heap:
                    idle_since = now
                elif now - idle_since >= _IDLE_S:
                    self._thread = None
                    return
                if self._heap and self._heap[0][0] <= now:
                    self._cut()
                else:
                    self._changed.wait(min(_IDLE_S, self._heap[0][0] - now) if self._heap else _IDLE_S)

    def _cut(self) -> None:
        """Under the lock: whoever removes a deadline knows afterwards that it will not be cut any more."""
        _, _, deadline, cut = heapq.heappop(self._heap)
        if deadline in self._open:
            self._open.discard(deadline)
            deadline.passed = True
            with suppress(OSError, ValueError, RuntimeError):  # it has ended already
                cut()


_watchdog: Final = _Watchdog()


@contextmanager
def within(seconds: float, cut: Callable[[], None]) -> Iterator[Deadline]:
    """Have something be over in time.

    Args:
        seconds: From now on.
        cut: Called from another thread if it is not: has to make it end, and must not take long.
    """
    deadline = Deadline()
    _watchdog.add(deadline, time.monotonic() + seconds, cut)
    try:
        yield deadline
    finally:
        _watchdog.remove(deadline)


def _shut(sock: socket.socket) -> None:
    # Not the method of a TLS socket, which would take the session from under whoever reads.
    socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Bounded:
    """A connection on which status and headers are there, all of them, within the timeout for reading."""

    sock: socket.socket | None
    timeout: Any

    def getresponse(self) -> Any:
        """Status and headers.

        Raises:
            TimeoutError: They are not there in time.
        """
        sock, seconds = self.sock, self.timeout
        if sock is None or not isinstance(seconds, int | float):
            return super().getresponse()  # type: ignore[misc]
        with within(float(seconds), lambda: _shut(sock)) as deadline:
            try:
                found = super().getresponse()  # type: ignore[misc]
            except (OSError, http.client.HTTPException) as error:
                if deadline.passed:
                    raise TimeoutError("no whole answer in time") from error
                raise
        if deadline.passed:  # headers that break off pass for whole ones
            found.close()
            raise TimeoutError("no whole answer in time")
        return found


class _BoundedHTTP(Bounded, HTTPConnection):
    pass


class _BoundedHTTPS(Bounded, HTTPSConnection):
    pass


class _BoundedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _BoundedHTTP


class _BoundedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedHTTPS


def connection_classes() -> dict[str, type[HTTPConnectionPool]]:
    """For ``pool_classes_by_scheme`` of a `urllib3.PoolManager`: connections whose answers begin in time."""
    return {"http": _BoundedHTTPPool, "https": _BoundedHTTPSPool}
