"""Work that nobody waits for: one thing after the other for each canary, bounded, and ended in order."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import structlog

from canary_adapters.shares import Shares

__all__ = ["Background"]

_Key: TypeAlias = tuple[str, str]
"""Namespace and name of a canary."""
_log = structlog.get_logger("canary.background")


class Background:
    """Runs small jobs in threads of its own, canaries in turns: one whose jobs take long delays the others little.

    Threads are shared by namespaces: however many of the receivers of one hang, there are threads for others.
    """

    def __init__(self, *, workers: int = 16, most: int = 1_000) -> None:
        """Makes one, and begins.

        Args:
            workers: Threads. Jobs of one canary are done one after the other, in their order.
            most: Jobs of one canary that may wait; of more, the oldest is dropped, with a word in the log.
        """
        self._changed = threading.Condition()
        self._jobs: dict[_Key, deque[Callable[[], None]]] = {}
        """Of each canary that waits or is worked on."""
        self._turns: deque[_Key] = deque()
        """Canaries that wait."""
        self._working = Shares(workers)
        """Threads that are at work."""
        self._most, self._closed = most, False
        self._threads = [
            threading.Thread(target=self._run, name=f"background-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, namespace: str, name: str, job: Callable[[], None]) -> None:
        """Have a job done, after all of the same canary that came before."""
        key = (namespace, name)
        with self._changed:
            jobs = self._jobs.get(key)
            if jobs is None:
                jobs = self._jobs[key] = deque()
                self._turns.append(key)
            dropped = len(jobs) >= self._most
            if dropped:
                jobs.popleft()
            jobs.append(job)
            self._changed.notify()
        if dropped:
            _log.warning("too much is pending: something was not sent", canary=f"{name}.{namespace}")

    def close(self, timeout_s: float) -> None:
        """Do what is pending, as far as the time allows, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            key, job = taken
            try:
                job()
            except Exception:  # noqa: BLE001 - a mistake in one job must not end the others
                _log.exception("a job in the background failed")
            self._done(key)

    def _take(self) -> tuple[_Key, Callable[[], None]] | None:
        """Wait for the turn of a canary. None: there is nothing more to do, ever."""
        with self._changed:
            while (key := self._next()) is None:
                if self._closed and not self._jobs:
                    return None
                self._changed.wait()
            self._turns.remove(key)
            self._working.take(key[0])
            return key, self._jobs[key].popleft()

    def _next(self) -> _Key | None:
        return next((key for key in self._turns if self._working.free(key[0])), None)

    def _done(self, key: _Key) -> None:
        with self._changed:
            self._working.give_back(key[0])
            if self._jobs[key]:
                self._turns.append(key)
            else:
                del self._jobs[key]
            self._changed.notify_all()
