"""Work that nobody waits for: one thing after the other for each canary, bounded, and ended in order."""

import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, TypeAlias

import structlog

from canary_adapters.shares import Shares, Turns

__all__ = ["Background"]

_Key: TypeAlias = tuple[str, str]
"""Namespace and name of a canary."""
MOST_OF_A_CANARY: Final = 1_000
MOST: Final = 20_000
NAMESPACES: Final = 1_000
"""That have a thread of their own at a time. One that waits takes some 50 KiB."""
_log = structlog.get_logger("canary.background")


class Background:
    """Runs small jobs in threads of its own. Safe for many threads.

    Threads are shared by namespaces (`Shares`): one that has something to do has at least one, however long the jobs of
    others take, and each lets its canaries have it in turns. What waits is bounded, and who has most of it loses first.
    """

    def __init__(self, *, workers: int = 16, most: int = MOST_OF_A_CANARY, most_of_all: int = MOST) -> None:
        """Makes one. There are threads while there is something to do.

        Args:
            workers: Threads beyond one for each namespace. Jobs of one canary are done one after the other, in order.
            most: Jobs of one canary that may wait; of more, the oldest is dropped, with a word in the log.
            most_of_all: Jobs of all. Of more, the oldest of a canary that has most is dropped, in the namespace that
                has most.
        """
        self._changed = threading.Condition()
        self._jobs: dict[_Key, deque[Callable[[], None]]] = {}
        """Of each canary that waits or is worked on."""
        self._pending: Counter[str] = Counter()
        """Jobs that wait, by namespace."""
        self._total = 0
        """Jobs that wait."""
        self._busy: set[_Key] = set()
        self._turns: Turns[_Key] = Turns()
        self._working = Shares(workers, own=NAMESPACES)
        self._most, self._most_of_all = most, most_of_all
        self._complained: set[_Key] = set()
        """Of whom the log says that something was dropped, since they had nothing that waits."""

    def put(self, namespace: str, name: str, job: Callable[[], None]) -> None:
        """Have a job done, after all of the same canary that came before."""
        key = (namespace, name)
        with self._changed:
            self._jobs.setdefault(key, deque()).append(job)
            self._count(namespace, 1)
            if key not in self._busy:
                self._turns.add(namespace, key)
            self._shorten(key)
            self._start()

    def close(self, timeout_s: float) -> None:
        """Do what is pending, as far as the time allows."""
        with self._changed:
            self._changed.wait_for(lambda: not self._jobs, timeout_s)

    def _shorten(self, key: _Key) -> None:
        """Drop what is too much, now that a canary has got one job more."""
        if self._total > self._most_of_all:
            namespace = max(self._pending, key=self._pending.__getitem__)
            key = max((each for each in self._jobs if each[0] == namespace), key=lambda each: len(self._jobs[each]))
        elif len(self._jobs[key]) <= self._most:
            return
        self._jobs[key].popleft()
        self._count(key[0], -1)
        if key not in self._complained:
            self._complained.add(key)
            _log.warning("too much is pending: something was not sent", canary=f"{key[1]}.{key[0]}")

    def _count(self, namespace: str, change: int) -> None:
        self._total += change
        self._pending[namespace] += change
        if not self._pending[namespace]:
            del self._pending[namespace]

    def _start(self) -> None:
        """Have a thread for everybody who may have one now."""
        while (key := self._next()) is not None:
            try:
                threading.Thread(target=self._run, args=(key,), name="background", daemon=True).start()
            except RuntimeError as error:  # the system gives no more: those that there are go on
                _log.warning("a thread could not be started", error=str(error))
                self._rest(key)
                self._turns.add(key[0], key)
                return

    def _next(self) -> _Key | None:
        """Whose turn it is; he has a place from now on."""
        key = self._turns.take(self._working.free)
        if key is not None:
            self._working.take(key[0])
            self._busy.add(key)
        return key

    def _rest(self, key: _Key) -> None:
        self._working.give_back(key[0])
        self._busy.discard(key)

    def _run(self, key: _Key | None) -> None:
        while key is not None:
            with self._changed:
                jobs = self._jobs[key]
                job = jobs.popleft() if jobs else None
                self._count(key[0], -1 if job is not None else 0)
            if job is not None:
                try:
                    job()
                except Exception:  # noqa: BLE001 - a mistake in one job must not end the others
                    _log.exception("a job in the background failed")
            key = self._done(key)

    def _done(self, key: _Key) -> _Key | None:
        """A canary has had its turn. Returns whose is the next for this thread."""
        with self._changed:
            self._rest(key)
            if self._jobs[key]:
                self._turns.add(key[0], key)
            else:
                del self._jobs[key]
                self._complained.discard(key)
                self._changed.notify_all()
            following = self._next()
            self._start()
            return following
