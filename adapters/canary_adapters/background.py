"""Work that nobody waits for: one thing after the other for each key, bounded, and ended in order."""

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

__all__ = ["Background"]

_log = structlog.get_logger("canary.background")


class Background:
    """Runs small jobs in threads of its own, keys in turns: one whose jobs take long delays the others little."""

    def __init__(self, *, workers: int = 8, most: int = 1_000) -> None:
        """Makes one, and begins.

        Args:
            workers: Threads. Jobs of one key are done one after the other, in their order.
            most: Jobs of one key that may wait; of more, the oldest is dropped, with a word in the log.
        """
        self._changed = threading.Condition()
        self._jobs: dict[str, deque[Callable[[], None]]] = {}
        """Of each key that waits or is worked on."""
        self._turns: deque[str] = deque()
        """Keys that wait."""
        self._most, self._closed = most, False
        self._threads = [
            threading.Thread(target=self._run, name=f"background-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, key: str, job: Callable[[], None]) -> None:
        """Have a job done, after all of the same key that came before."""
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
            _log.warning("too much is pending: something was not sent", key=key)

    def close(self, timeout_s: float) -> None:
        """Do what is pending, as far as the time allows, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._turns and not (self._closed and not self._jobs):
                    self._changed.wait()
                if not self._turns:
                    return
                key = self._turns.popleft()
                job = self._jobs[key].popleft()
            try:
                job()
            except Exception:  # noqa: BLE001 - a mistake in one job must not end the others
                _log.exception("a job in the background failed")
            with self._changed:
                if self._jobs[key]:
                    self._turns.append(key)
                else:
                    del self._jobs[key]
                self._changed.notify_all()
