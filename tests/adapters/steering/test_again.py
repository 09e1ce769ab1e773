"""The log of a controller, read for the rounds of one canary."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.kubernetes.store.record import CHECKED, written_round
from canary_adapters.steering.again import rounds_logged
from canary_adapters.steering.view import remembered
from canary_core.record import Round
from delivery.situations import Play, at_20, playing


@pytest.fixture(scope="module")
def rounds() -> Iterator[tuple[Round, ...]]:
    """Of a rollout."""
    for play in playing():
        yield _rounds(play)


def _rounds(play: Play) -> tuple[Round, ...]:
    at_20(play)
    play.until_phase("Succeeded")
    return remembered(play.now["status"]).rounds


def _line(each: object, canary: str = "app.shop", msg: str = CHECKED) -> str:
    return json.dumps({"msg": msg, "canary": canary, "round": each})


def test_only_rounds_of_that_canary_are_read(rounds: tuple[Round, ...]) -> None:
    written = [written_round(each) for each in rounds]
    others = [_line(written[0], canary="app.other"), _line(written[0], msg="working"), _line({}), _line(3), "", "{"]
    lines = [_line(written[0]), *others, _line(written[1]), "[" * 100_000, "x" * 2_000_000, "3"]
    assert tuple(rounds_logged(lines, "shop", "app")) == rounds


@given(st.text(), st.recursive(st.none() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)))
def test_whatever_stands_in_a_log_is_read_or_passed_over(line: str, found: object) -> None:
    assert list(rounds_logged([line, _line(found)], "shop", "app")) == []
