"""What is shown of a Canary, whatever stands in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.plain_text import is_acted_upon
from canary_adapters.steering.pages import Columns, EventView, page, row, rows
from canary_adapters.steering.view import CanaryView, age, moment_s

METADATA = {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7", "generation": 3}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "phase", "canaryWeight", "failedChecks", "conditions", "lastTransitionTime", "rollout", "trackedConfigs",
    "observedGeneration", "lastAppliedSpec", "lastPromotedSpec",
)  # fmt: skip
STATUSES = st.none() | ANY | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANY))
SPECS = ANY | st.fixed_dictionaries({}, optional=dict.fromkeys(("targetRef", "analysis", "suspend", "provider"), ANY))
NASTY = "\x1b[2J\x1b]0;gone\x07 two\nlines\u202e"


@given(spec=SPECS, status=STATUSES, request=st.text(max_size=30))
def test_any_object_is_shown_without_what_a_terminal_acts_upon(spec: Any, status: Any, request: str) -> None:
    metadata = {**METADATA, "annotations": {"canary-core/request": request}}
    view = CanaryView.of({"metadata": metadata, "spec": spec, "status": status})
    columns = Columns(with_namespace=True, wide=True)
    event = EventView.of({"message": request, "count": spec, "lastTimestamp": status})
    lines = [*rows([row(view, columns, 1e9)], []), *page(view, {}, [event], 1e9)]
    assert not [line.plain for line in lines if any(map(is_acted_upon, line.plain))]
    assert 0 <= view.weight <= 100


def test_escapes_of_a_condition_and_an_event_are_replaced() -> None:
    condition = {"type": "Promoted", "reason": NASTY, "message": NASTY}
    view = CanaryView.of({"metadata": METADATA, "spec": {}, "status": {"phase": "Failed", "conditions": [condition]}})
    shown = [*page(view, {}, [EventView.of({"message": NASTY})], 0.0)]
    assert "two lines" in view.message
    assert not [line.plain for line in shown if any(map(is_acted_upon, line.plain))]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-5, "0s"), (0.9, "0s"), (59, "59s"), (60, "1m"), (61, "1m1s"), (3600, "1h"), (3660, "1h1m"),
     (86_400 * 12 + 3600, "12d")],
)  # fmt: skip
def test_ages_are_those_of_kubectl(seconds: float | None, text: str) -> None:
    assert age(seconds) == text


@given(st.text(max_size=30) | st.integers() | st.none())
def test_what_is_no_time_is_none(value: object) -> None:
    found = moment_s(value)
    assert found is None or isinstance(found, float)


def test_columns_stand_below_their_headings() -> None:
    view = CanaryView.of({"metadata": METADATA, "spec": {}, "status": {"phase": "WaitingPromotion"}})
    columns = Columns()
    from rich.text import Text

    heading, line = rows([[Text(name) for name in columns.names], row(view, columns, 0.0)], [])
    assert heading.plain.index("WEIGHT") == line.plain.index("0%")
    assert heading.plain.index("PHASE") == line.plain.index("WaitingPromotion")
