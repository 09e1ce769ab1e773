"""Ticks that began together do not stay together, and none comes before its time."""

from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.controller.reconciler import MOST_SPREAD_S, SPREAD, _spread


@given(st.floats(0, 1e6))
def test_never_sooner_and_only_a_little_later(pause_s: float) -> None:
    """A weight is judged after a whole interval."""
    found = _spread(pause_s)
    assert pause_s <= found <= pause_s + min(MOST_SPREAD_S, SPREAD * pause_s)


@given(st.floats(-1e6, 0))
def test_what_is_due_is_not_put_off(pause_s: float) -> None:
    assert _spread(pause_s) == 0


def test_a_thousand_at_once_are_spread() -> None:
    """Of a thousand that wait for the same 10 s, no twentieth of the time that they are spread over has most."""
    found = [_spread(10.0) for _ in range(1000)]
    slots = [int((each - 10.0) / (10.0 * SPREAD) * 20) for each in found]
    assert max(slots.count(slot) for slot in set(slots)) < 150
