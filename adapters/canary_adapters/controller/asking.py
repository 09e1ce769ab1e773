"""How the questions of rollouts are asked: at the same time, and so that nobody's slow answers hold up the others."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TypeAlias

from canary_adapters.controller.interests import Key
from canary_adapters.shares import Shares, Turns
from canary_core import Answer, Question
from canary_ports import Gather

__all__ = ["Asking", "CrowdedError", "Places"]

_Ask: TypeAlias = Callable[[Question], Answer]
PER_WORKER: Final = 8
"""Questions that may be open for each rollout that may be worked on, beyond one of each namespace."""

NAMESPACES: Final = 1_000
"""That have a place of their own at a time. A thread that waits for an answer takes some 50 KiB."""


class CrowdedError(Exception):
    """No place is free for a question of this namespace. The canary is woken when there is one."""


class Places:
    """How many questions are open at a time, and whose; `Shares` says what is promised. Safe for many threads."""

    def __init__(self, most: int, *, wake: Callable[[Key], None]) -> None:
        """Makes them.

        Args:
            most: Of all namespaces together, beyond one for each.
            wake: Called with a canary that was turned away, when there may be a place for it.
        """
        self._shares, self._wake = Shares(most, own=NAMESPACES), wake
        self._waiting: Turns[Key] = Turns()
        """Canaries that were turned away."""
        self._lock = threading.Lock()

    def take(self, key: Key, wanted: int) -> int:
        """Take as many places as are free for a canary, up to a number.

        Returns:
            How many it has now. 0: none, and it will be woken.
        """
        with self._lock:
            count = min(wanted, self._shares.free(key[0]))
            if count:
                self._shares.take(key[0], count)
            else:
                self._waiting.add(key[0], key)
            return count

    def give_back(self, key: Key, count: int) -> None:
        """Places of a canary are free again."""
        with self._lock:
            self._shares.give_back(key[0], count)
            turns = (self._waiting.take(self._shares.free) for _ in range(count))
            woken = [each for each in turns if each is not None]
        for each in woken:
            self._wake(each)

    @property
    def open(self) -> int:
        """Places that are taken."""
        return self._shares.taken

    @property
    def waiting(self) -> int:
        """Canaries that were turned away and not woken yet."""
        with self._lock:
            return len(self._waiting)


class Asking:
    """Asks what belongs together at the same time, as far as there are places."""

    def __init__(self, places: Places, *, outside: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """Makes one.

        Args:
            places: Shared by all rollouts.
            outside: Around the time for which a worker waits for answers.
        """
        self._places, self._outside = places, outside

    def of(self, key: Key) -> Gather:
        """How the questions of a canary are asked.

        What it returns raises `CrowdedError` if there is no place for any of them.
        """

        def gather(function: _Ask, items: Iterable[Question], /) -> list[Answer]:
            questions = tuple(items)
            count = self._places.take(key, len(questions))
            if not count:
                raise CrowdedError
            try:
                with self._outside():
                    return _answers(function, questions, count)
            finally:
                self._places.give_back(key, count)

        return gather


def _answers(function: _Ask, questions: tuple[Question, ...], count: int) -> list[Answer]:
    """The answers in order, of so many threads: this one, and others that end with it."""
    left = iter(enumerate(questions))
    found: dict[int, Answer] = {}
    errors: list[BaseException] = []
    lock = threading.Lock()

    def ask() -> None:
        while True:
            with lock:
                number, question = next(left, (-1, None))
            if question is None or errors:
                return
            try:
                found[number] = function(question)
            except BaseException as error:  # noqa: BLE001 - whoever waits for all of them raises it
                errors.append(error)

    others = list(_started(ask, count - 1))
    ask()
    for each in others:
        each.join()
    if errors:
        raise errors[0]
    return [found[number] for number in range(len(questions))]


def _started(work: Callable[[], None], count: int) -> Iterator[threading.Thread]:
    for _ in range(count):
        thread = threading.Thread(target=work, name="ask", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads: those that there are ask the rest
            return
        yield thread
