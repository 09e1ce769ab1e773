"""Threads that work on what is due: so many at a time, and others take over while some wait for an answer."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, Hashable, TypeVar  # noqa: UP035

import structlog

from canary_adapters.controller.queue import DueQueue

__all__ = ["Crew"]

_K = TypeVar("_K", bound=Hashable)
IDLE_S: Final = 30.0
"""Who is one too many and had nothing to do for so long leaves."""
_log = structlog.get_logger("canary.controller")


class Crew(Generic[_K]):
    """Works on the keys of a queue.

    No more than ``size`` threads work at a time. One that waits for somebody outside lets another one work meanwhile,
    which is started if there is none; how many wait is for the caller to bound.
    """

    def __init__(self, queue: DueQueue[_K], work: Callable[[_K, float], None], *, size: int) -> None:
        """Makes one; `start` begins.

        Args:
            queue: What is due. When it is closed, everybody leaves after what is at hand.
            work: Called with a key and how late it is, seconds. It has to say to the queue that it is done.
            size: How many work at a time.
        """
        self._queue, self._work, self._size = queue, work, size
        self._turns = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._count = 0
        """Threads that are to be there."""
        self._outside = 0

    def start(self) -> None:
        """Begin."""
        for _ in range(self._size):
            self._add()

    def join(self, timeout_s: float) -> None:
        """Wait until everybody has left, but no longer than this."""
        end = time.monotonic() + timeout_s
        for thread in tuple(self._threads):
            thread.join(max(0.0, end - time.monotonic()))

    @property
    def is_alive(self) -> bool:
        """Whether nobody has left who should be there."""
        return sum(thread.is_alive() for thread in tuple(self._threads)) >= self._count

    @contextmanager
    def outside(self) -> Iterator[None]:
        """While one of the crew waits for somebody else: its turn goes to another one, and it comes back for one."""
        with self._lock:
            self._outside += 1
            short = self._count < self._size + self._outside
        if short:
            self._add()
        self._turns.release()
        try:
            yield
        finally:
            self._turns.acquire()
            with self._lock:
                self._outside -= 1

    def _add(self) -> None:
        thread = threading.Thread(target=self._run, name=f"worker-{self._count}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system gives no more threads: those that there are go on
            _log.warning("a worker could not be started", error=str(error))
            return
        with self._lock:
            # Only now, as `join` may be waiting for those that are in it.
            self._threads = [*(each for each in self._threads if each.is_alive()), thread]
            self._count += 1

    def _run(self) -> None:
        while not self._leaves(spare=self._size):
            taken = self._queue.take(IDLE_S)
            if taken is None:
                if self._queue.closed or self._leaves(spare=0):
                    return
                continue
            began = time.monotonic()
            with self._turns:
                if self._queue.closed:
                    return
                self._work(taken[0], taken[1] + time.monotonic() - began)

    def _leaves(self, *, spare: int) -> bool:
        """Whether the thread that asks is one too many; then it has to leave."""
        with self._lock:
            leaves = self._count > self._size + self._outside + spare
            self._count -= leaves
            return leaves
