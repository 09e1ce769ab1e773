"""Slots are bounded, and whoever takes all he can get leaves some to every other namespace."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.loadtester.slots import FullError, Slots

NAMESPACES = st.sampled_from("abc")
STEPS = st.lists(st.tuples(st.sampled_from(["ask", "ask", "release", "withdraw"]), NAMESPACES), max_size=60)


class Table:
    """Slots, and who has what of them: as far as answers show it."""

    def __init__(self, running: int, waiting: int) -> None:
        self.slots = Slots(running, waiting)
        self.running: Counter[str] = Counter()
        self.queues: dict[str, list[asyncio.Future[bool]]] = {}

    def ask(self, namespace: str) -> bool:
        """Ask; whether there was no refusal."""
        try:
            ticket = self.slots.ask(namespace)
        except FullError:
            return False
        if ticket.done():
            assert ticket.result()
            self.running[namespace] += 1
        else:
            self.queues.setdefault(namespace, []).append(ticket)
        return True

    def play(self, step: str, namespace: str) -> None:
        """Do something, if it can be done."""
        queue = self.queues.get(namespace, [])
        if step == "ask":
            self.ask(namespace)
        elif step == "release" and self.running[namespace]:
            self.running[namespace] -= 1
            self.slots.release(namespace)
            self._admitted()
        elif step == "withdraw" and queue:
            ticket = queue.pop()
            for _ in range(2):
                self.slots.withdraw(ticket, namespace)
            assert ticket.result() is False

    def _admitted(self) -> None:
        for namespace, queue in self.queues.items():
            while queue and queue[0].done():
                assert queue.pop(0).result()
                self.running[namespace] += 1
            assert not any(ticket.done() for ticket in queue), "somebody was overtaken by his own namespace"

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self.queues.values()))


def _in_a_loop(story: Callable[[], None]) -> None:
    async def run() -> None:
        story()

    asyncio.run(run())


@given(STEPS, st.integers(1, 6), st.integers(0, 4))
def test_never_more_than_so_many_run_and_wait_and_nobody_waits_for_what_is_free(
    steps: list[tuple[str, str]], most: int, queue: int
) -> None:
    def story() -> None:
        table = Table(most, queue)
        for step, namespace in steps:
            table.play(step, namespace)
            assert table.running.total() <= most
            assert table.slots.waiting == table.waiting <= queue
            free = most - table.running.total()
            assert not any(waits and table.running[name] < free for name, waits in table.queues.items())

    _in_a_loop(story)


@given(STEPS, st.integers(3, 6), st.integers(0, 4))
def test_full_namespaces_leave_a_slot_to_any_other(steps: list[tuple[str, str]], bits: int, queue: int) -> None:
    """Each takes half of what the others have left: three of them cannot take eight."""

    def story() -> None:
        table = Table(2**bits, queue)
        for step, namespace in steps:
            table.play(step, namespace)
        for namespace in "abc":
            while table.ask(namespace):
                pass
        assert table.slots.ask("other").result()

    _in_a_loop(story)


def test_those_that_want_all_come_to_have_as_many_each_and_as_much_is_left() -> None:
    def story() -> None:
        table = Table(30, 300)
        for namespace in "aaaabbbb" * 10:
            table.ask(namespace)
        for _ in range(50):
            for namespace in "ab":
                table.play("release", namespace)
                table.ask(namespace)
        parts = (table.running["a"], table.running["b"], 30 - table.running.total())
        assert all(9 <= part <= 11 for part in parts), parts

    _in_a_loop(story)


def test_namespaces_have_turns() -> None:
    """Who waits with many does not get all that becomes free before another's first."""

    def story() -> None:
        slots = Slots(1, 8)
        assert slots.ask("x").result()
        tickets = {name: slots.ask(name[0]) for name in ("a1", "a2", "b1")}
        for releases, served in (("x", "a1"), ("a", "b1"), ("b", "a2")):
            assert not tickets[served].done()
            slots.release(releases)
            assert tickets.pop(served).result()
            assert not any(ticket.done() for ticket in tickets.values())

    _in_a_loop(story)


def test_where_there_is_one_slot_whoever_comes_first_has_it() -> None:
    def story() -> None:
        slots = Slots(1, 0)
        assert slots.ask("a").result()
        with pytest.raises(FullError):
            slots.ask("b")
        slots.release("a")
        assert slots.ask("b").result()

    _in_a_loop(story)
