"""How late a thread of this process is woken: what the machine, rather than the controller, adds to every time."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Final, Self

__all__ = ["Heartbeat"]

BEAT_S: Final = 0.05


class Heartbeat:
    """A thread that sleeps and notes how much longer that took than it should; a context manager."""

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []
        """Moments, and by how much a beat was late then, seconds."""
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
        """By how much all beats between two moments of `time.monotonic` were late, seconds."""
        return sum(late for at, late in tuple(self._late) if since <= at <= until + BEAT_S)

    def _beat(self) -> None:
        before = time.monotonic()
        while not self._over.wait(BEAT_S):
            now = time.monotonic()
            self._late.append((now, max(0.0, now - before - BEAT_S)))
            before = now
