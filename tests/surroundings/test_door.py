"""As many are let in as go quickly, and fewer as soon as they are slow."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from disturbances.door import FEWEST, FIRST, MOST, QUICK_S, SLOW_S, Door
from laboratories.lab import eventually


def test_more_are_let_in_while_things_go_quickly_and_fewer_when_they_are_slow() -> None:
    door = Door()
    door.took(QUICK_S)
    assert door.allowed == FIRST + 1
    door.took((QUICK_S + SLOW_S) / 2)
    assert door.allowed == FIRST + 1
    door.took(SLOW_S + 1)
    assert door.allowed < FIRST


@given(st.lists(st.floats(min_value=0, max_value=100)))
def test_there_are_always_some_and_never_too_many(times: list[float]) -> None:
    door = Door()
    for seconds in times:
        door.took(seconds)
        assert FEWEST <= door.allowed <= MOST


def test_who_is_one_too_many_waits_until_somebody_leaves() -> None:
    door = Door()
    for _ in range(20):
        door.took(SLOW_S + 1)
    leave, inside = threading.Event(), list[int]()

    def visit(number: int) -> None:
        with door.entered():
            inside.append(number)
            leave.wait()

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(FEWEST + 1)]
    for visitor in visitors:
        visitor.start()
    eventually(lambda: len(inside) == FEWEST)
    assert not leave.wait(0.5)
    assert len(inside) == FEWEST
    leave.set()
    for visitor in visitors:
        visitor.join()
    assert sorted(inside) == list(range(FEWEST + 1))
