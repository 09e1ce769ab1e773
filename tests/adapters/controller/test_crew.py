"""So many work at a time, whoever waits outside is replaced, and nobody stays who is one too many."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from canary_adapters.controller import crew as crew_module
from canary_adapters.controller.crew import Crew
from canary_adapters.controller.queue import DueQueue
from laboratories.lab import eventually

Work = Callable[[Crew[str], str], None]


@contextmanager
def _working(work: Work, size: int) -> Iterator[tuple[Crew[str], DueQueue[str]]]:
    queue: DueQueue[str] = DueQueue()

    def on(key: str, late_s: float) -> None:
        assert late_s >= 0
        work(crew, key)
        queue.done(key)

    crew = Crew(queue, on, size=size)
    crew.start()
    try:
        yield crew, queue
    finally:
        queue.close()
        crew.join(20)
        assert not any(thread.is_alive() for thread in crew._threads)


def test_no_more_work_at_a_time_than_there_are_to_be() -> None:
    lock, seen, done = threading.Lock(), list[int](), list[str]()
    now = 0

    def work(crew: Crew[str], key: str) -> None:
        nonlocal now
        for _ in range(20):
            with lock:
                now += 1
                seen.append(now)
            with lock:
                now -= 1
            with crew.outside():
                pass
        done.append(key)

    with _working(work, 3) as (_, queue):
        for number in range(30):
            queue.add(f"key-{number}")
        eventually(lambda: len(done) == 30)
    assert max(seen) <= 3


def test_who_waits_outside_is_replaced() -> None:
    """However many wait: here all of them for the last one."""
    came, done = threading.Event(), list[str]()

    def work(crew: Crew[str], key: str) -> None:
        if key == "last":
            came.set()
        else:
            with crew.outside():
                assert came.wait(20)
        done.append(key)

    with _working(work, 1) as (crew, queue):
        for number in range(10):
            queue.add(f"key-{number}")
        eventually(lambda: crew._outside == 10)
        queue.add("last")
        eventually(lambda: len(done) == 11)


def test_who_comes_back_waits_for_a_turn() -> None:
    came, returning, told = threading.Event(), threading.Event(), list[str]()

    def work(crew: Crew[str], key: str) -> None:
        if key == "first":
            with crew.outside():
                assert came.wait(20)
                returning.set()
            told.append("first is back")
        else:
            came.set()
            assert returning.wait(20)
            told.append("second has ended")

    with _working(work, 1) as (_, queue):
        queue.add("first")
        queue.add("second", 0.01)
        eventually(lambda: len(told) == 2)
    assert told == ["second has ended", "first is back"]


def test_who_is_one_too_many_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "IDLE_S", 0.05)
    over = threading.Event()

    def work(crew: Crew[str], _: str) -> None:
        with crew.outside():
            assert over.wait(20)

    def threads(crew: Crew[str]) -> int:
        return sum(thread.is_alive() for thread in crew._threads)

    with _working(work, 2) as (crew, queue):
        for number in range(10):
            queue.add(f"key-{number}")
        eventually(lambda: threads(crew) == 12)
        assert crew.is_alive
        over.set()
        eventually(lambda: threads(crew) == 2)
        assert crew.is_alive


def test_where_the_system_gives_no_more_threads_those_that_there_are_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Refused(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    def work(crew: Crew[str], key: str) -> None:
        with crew.outside():
            done.append(key)

    with _working(work, 1) as (crew, queue):
        monkeypatch.setattr("canary_adapters.controller.crew.threading.Thread", Refused)
        for number in range(3):
            queue.add(f"key-{number}")
        eventually(lambda: len(done) == 3)
        assert crew.is_alive


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_ends_by_mistake_is_missed() -> None:
    """A probe then has the process started anew."""

    def work(_crew: Crew[str], _key: str) -> None:
        raise SystemError

    with _working(work, 2) as (crew, queue):
        assert crew.is_alive
        queue.add("a")
        eventually(lambda: not crew.is_alive)
