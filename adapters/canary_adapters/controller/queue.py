"""Which rollout is due next, and never the same one twice at once."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, Hashable, TypeVar  # noqa: UP035

__all__ = ["DueQueue"]

_K = TypeVar("_K", bound=Hashable)
_NEVER: Final = float("inf")
_STALE: Final = 2
"""So many entries for each key are one too many."""
_FEW: Final = 64


class DueQueue(Generic[_K]):
    """Keys with the time at which each is due. Safe for many threads.

    A key that is added while somebody works on it becomes due again when that work is done: no wake-up is lost, and
    none runs beside another of the same key.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Makes an empty one.

        Args:
            clock: Seconds that never step back.
        """
        self._clock = clock
        self._changed = threading.Condition()
        self._due: dict[_K, float] = {}
        self._busy: set[_K] = set()
        self._heap: list[tuple[float, int, _K]] = []
        self._numbers = itertools.count()
        self._closed = False

    def add(self, key: _K, in_s: float = 0.0) -> None:
        """Have a key become due, at the latest after so many seconds; sooner if it is due sooner already."""
        with self._changed:
            due = self._clock() + in_s
            if due < self._due.get(key, _NEVER):
                self._schedule(key, due)

    def take(self, timeout_s: float | None = None) -> tuple[_K, float] | None:
        """Wait for a key to be due, and begin to work on it.

        Returns:
            The key and how late it is, seconds. None: the queue was closed, or the time is over.
        """
        end = _NEVER if timeout_s is None else self._clock() + timeout_s
        with self._changed:
            while not self._closed:
                found = self._pop()
                if found is not None:
                    return found
                now = self._clock()
                if now >= end:
                    return None
                first = self._heap[0][0] if self._heap else _NEVER
                pause = min(first, end) - now
                self._changed.wait(None if pause == _NEVER else max(0.0, pause))
        return None

    def done(self, key: _K, again_in_s: float | None = None) -> None:
        """Work on a key has ended.

        Args:
            key: As `take` gave it.
            again_in_s: When it is due next if nobody adds it before. None: not by itself.
        """
        with self._changed:
            self._busy.discard(key)
            due = self._due.get(key, _NEVER)
            if again_in_s is not None:
                due = min(due, self._clock() + again_in_s)
            if due != _NEVER:
                self._schedule(key, due)

    def forget(self, key: _K) -> None:
        """Drop a key. Work on it that goes on is not touched."""
        with self._changed:
            self._due.pop(key, None)

    def close(self) -> None:
        """Let everybody who waits go; nothing is given out any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether nothing is given out any more."""
        return self._closed

    def __len__(self) -> int:
        """Keys that have a time."""
        return len(self._due)

    @property
    def ready(self) -> int:
        """Keys that are due and wait for somebody to work on them."""
        with self._changed:
            now = self._clock()
            return sum(1 for key, due in self._due.items() if due <= now and key not in self._busy)

    @property
    def busy(self) -> int:
        """Keys that are being worked on."""
        return len(self._busy)

    def _schedule(self, key: _K, due: float) -> None:
        self._due[key] = due
        if key in self._busy:
            return
        heapq.heappush(self._heap, (due, next(self._numbers), key))
        if len(self._heap) > _STALE * len(self._due) + _FEW:
            # Each wake-up leaves an entry behind, which would stay until its time has come.
            self._heap = [(due, next(self._numbers), key) for key, due in self._due.items() if key not in self._busy]
            heapq.heapify(self._heap)
        self._changed.notify()

    def _pop(self) -> tuple[_K, float] | None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            # What was moved or forgotten since leaves its old entry behind.
            if key not in self._busy and self._due.get(key) == due:
                del self._due[key]
                self._busy.add(key)
                return key, now - due
        return None
