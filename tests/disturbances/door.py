"""Lets in as many as a machine can serve: deadlines of seconds mean nothing where everybody waits for a processor."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["MOST", "Door"]

MOST: Final = 12
"""Who may be inside at the same time, however quickly things go."""
FIRST: Final = 8
FEWEST: Final = 3
APART_S: Final = 0.2
"""Between two who enter."""
QUICK_S, SLOW_S = 4.0, 6.0
"""What takes three seconds on a quiet machine is quick, or slow."""
LESS: Final = 0.75
"""What is left of those who may be inside, when something was slow."""


class Door:
    """Lets in one more when something went quickly, and fewer when it was slow, as TCP does with packets."""

    def __init__(self) -> None:
        self._turn, self._changed = threading.Lock(), threading.Condition()
        self._allowed, self._inside = float(FIRST), 0

    @property
    def allowed(self) -> int:
        """Who may be inside at the same time."""
        return int(self._allowed)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Wait for a turn; be inside."""
        with self._turn:
            time.sleep(APART_S)
            with self._changed:
                self._changed.wait_for(lambda: self._inside < self.allowed)
                self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify()

    def took(self, seconds: float) -> None:
        """How long something has taken that takes the same time for everybody."""
        with self._changed:
            if seconds <= QUICK_S:
                self._allowed = min(float(MOST), self._allowed + 1)
            elif seconds > SLOW_S:
                self._allowed = max(float(FEWEST), self._allowed * LESS)
            self._changed.notify()
