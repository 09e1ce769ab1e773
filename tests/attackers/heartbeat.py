"""What the machine, rather than the controller, adds to every time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["Heartbeat"]

BEAT_S: Final = 0.1


class Heartbeat:
    """A thread that sleeps, and notes how much longer that took than it should; a context manager.

    The API server runs in this process. Of the threads of another one, the controller, it counts
    the one that has waited longest for a processor since the last beat. See ``/proc/pid/schedstat`` in the kernel's
    ``sched-stats``.
    """

    def __init__(self, other: int) -> None:
        """Makes one.

        Args:
            other: Number of the other process.
        """
        self._tasks = Path(f"/proc/{other}/task")
        self._waited_ns: dict[str, int] = {}
        self._late: list[tuple[float, float]] = []
        """Moments, and by how much everything was late since the one before, seconds."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def late_s(self, since: float, until: float) -> float:
        """By how much everything was late between two moments of `time.monotonic`, seconds."""
        return sum(late for at, late in tuple(self._late) if since <= at <= until + BEAT_S)

    def _beat(self) -> None:
        before = time.monotonic()
        while not self._over.wait(BEAT_S):
            now = time.monotonic()
            self._late.append((now, max(0.0, now - before - BEAT_S) + self._longest_wait_s()))
            before = time.monotonic()

    def _longest_wait_s(self) -> float:
        waited = {}
        for task in self._tasks.glob("*/schedstat"):
            try:
                waited[task.parent.name] = int(task.read_text().split()[1])
            except OSError:  # the thread has ended
                continue
        longest = max((ns - self._waited_ns.get(name, 0) for name, ns in waited.items()), default=0)
        self._waited_ns = waited
        return longest / 1e9
