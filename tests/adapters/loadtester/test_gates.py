"""A gate is as it was last left; until then it is closed."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.loadtester.gates import Gates, Kind, TooManyGatesError

NAMES = st.sampled_from(["a", "a.b", "rollback.a", ""])
OPERATIONS = st.tuples(st.sampled_from(["open", "close"]), st.sampled_from(Kind), NAMES, NAMES)


@given(st.lists(OPERATIONS, max_size=30))
def test_a_gate_is_as_it_was_last_left(operations: list[tuple[str, Kind, str, str]]) -> None:
    gates, last = Gates(), dict[tuple[Kind, str, str], str]()
    for operation, kind, name, namespace in operations:
        (gates.open if operation == "open" else gates.close)(kind, name, namespace)
        last[kind, name, namespace] = operation
        assert {key for key in last if gates.is_open(*key)} == {key for key in last if last[key] == "open"}
        assert len(gates) == list(last.values()).count("open")


def test_names_that_look_alike_when_joined_are_different_gates() -> None:
    gates = Gates()
    gates.open(Kind.GATE, "a.b", "c")
    gates.open(Kind.ROLLBACK, "x", "y")
    assert not gates.is_open(Kind.GATE, "a", "b.c")
    assert not gates.is_open(Kind.GATE, "rollback.x", "y")


def _opens(gates: Gates, name: str, namespace: str) -> bool:
    try:
        gates.open(Kind.GATE, name, namespace)
    except TooManyGatesError:
        return False
    return True


def test_so_many_can_be_open_and_closing_makes_room() -> None:
    gates = Gates(most=4)
    assert [_opens(gates, name, "x") for name in "abc"] == [True, True, False]
    assert _opens(gates, "a", "x")
    assert [gates.is_open(Kind.GATE, name, "x") for name in "abc"] == [True, True, False]
    gates.close(Kind.GATE, "a", "x")
    gates.close(Kind.GATE, "a", "x")
    assert [_opens(gates, name, "x") for name in "cd"] == [True, False]
    assert [gates.is_open(Kind.GATE, name, "x") for name in "abcd"] == [False, True, True, False]


@given(st.lists(OPERATIONS, max_size=60))
def test_a_namespace_that_opens_all_it_can_leaves_room_for_another(
    operations: list[tuple[str, Kind, str, str]],
) -> None:
    gates = Gates(most=4)
    for operation, kind, name, _ in operations:
        with suppress(TooManyGatesError):
            (gates.open if operation == "open" else gates.close)(kind, name, "theirs")
    assert _opens(gates, "app", "ours")
