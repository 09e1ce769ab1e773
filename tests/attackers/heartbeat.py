"""What the machine, rather than the controller, adds to every time."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["Heartbeat"]

BEAT_S: Final = 0.1


class Heartbeat:
    """A thread that sleeps, and notes how much longer that took than it should; a context manager.

    The API server runs in this process, the controller in another one. Of the threads of each, it counts what the one
    that has waited longest for a processor since the last beat has waited. See ``/proc/pid/schedstat`` in the kernel's
    ``sched-stats``; where there is none, nothing is added.
    """

    def __init__(self, other: int) -> None:
        """Makes one.

        Args:
            other: Number of the other process.
        """
        self._waits = [_Waits(os.getpid()), _Waits(other)]
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
            waited = sum(each.longest_s() for each in self._waits)
            self._late.append((now, max(0.0, now - before - BEAT_S) + waited))
            before = now


class _Waits:
    """For how long the threads of a process wait for a processor."""

    def __init__(self, process: int) -> None:
        self._tasks = Path(f"/proc/{process}/task")
        self._before = self._read()

    def longest_s(self) -> float:
        """What the one that has waited longest since the last call has waited, seconds."""
        now = self._read()
        longest = max((ns - self._before.get(name, 0) for name, ns in now.items()), default=0)
        self._before = now
        return longest / 1e9

    def _read(self) -> dict[str, int]:
        found = {}
        for each in self._tasks.glob("*/schedstat"):
            with contextlib.suppress(OSError):  # the thread has ended
                found[each.parent.name] = int(each.read_text().split()[1])
        return found
