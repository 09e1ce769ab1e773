"""Work that nobody waits for: one thing after the other for each key, bounded, and ended in order."""

import threading
from collections import deque
from collections.abc import Callable

import structlog

__all__ = ["Background"]

_log = structlog.get_logger("canary.background")


class Background:
    """Runs small jobs in threads of its own. When too many wait, the oldest is dropped, with a word in the log."""

    def __init__(self, *, workers: int = 4, most: int = 10_000) -> None:
        """Makes one, and begins.

        Args:
            workers: Threads. Jobs of one key always go through the same, so their order is kept.
            most: Jobs that may wait for one thread.
        """
        self._changed = [threading.Condition() for _ in range(workers)]
        self._jobs: list[deque[Callable[[], None]]] = [deque() for _ in range(workers)]
        self._most, self._closed = most, False
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"background-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, key: str, job: Callable[[], None]) -> None:
        """Have a job done, after all of the same key that came before."""
        number = hash(key) % len(self._jobs)
        with self._changed[number]:
            jobs = self._jobs[number]
            if len(jobs) >= self._most:
                jobs.popleft()
                _log.warning("too much is pending: something was not sent", key=key)
            jobs.append(job)
            self._changed[number].notify()

    def close(self, timeout_s: float) -> None:
        """Do what is pending, as far as the time allows for each thread, and end."""
        self._closed = True
        for condition in self._changed:
            with condition:
                condition.notify()
        for thread in self._threads:
            thread.join(timeout_s)

    def _run(self, number: int) -> None:
        condition, jobs = self._changed[number], self._jobs[number]
        while True:
            with condition:
                while not jobs and not self._closed:
                    condition.wait()
                if not jobs:
                    return
                job = jobs.popleft()
            try:
                job()
            except Exception:  # noqa: BLE001 - a mistake in one job must not end the others
                _log.exception("a job in the background failed")
