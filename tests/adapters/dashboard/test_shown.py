"""What the page is told of Canaries, whatever stands in them."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.dashboard.record import recorded_rounds
from canary_adapters.dashboard.seen import CANARIES, POINTS, Seen
from canary_adapters.dashboard.shown import detail, summary
from canary_adapters.plain_text import is_acted_upon
from canary_adapters.steering.view import CanaryView
from laboratories.dashboard_room import a_canary

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return ANY | st.fixed_dictionaries({}, optional={name: ANY | found for name, found in fields.items()})


TIMES = st.sampled_from(["2026-11-29T10:00:00Z", "2026-11-29T10:00:07.5Z", "yesterday"])
CHECKS = _of(name=st.text(max_size=9), value=st.floats(), min=st.floats(), max=st.floats(), verdict=st.just("pass"))
ROUNDS = _of(at=TIMES, weight=st.integers(), iteration=st.integers(), checks=st.lists(CHECKS, max_size=3))
NOW = _of(revision=st.text(max_size=9), began=TIMES, rounds=st.lists(ROUNDS, max_size=4))
PAST = _of(revision=st.text(max_size=9), ended=TIMES, weight=st.floats(), failed=st.integers(), message=st.text())
RECORDS = _of(now=NOW, past=st.lists(PAST, max_size=3))
STATUSES = _of(
    phase=st.text(max_size=9),
    canaryWeight=st.floats() | st.integers(),
    conditions=st.lists(_of(type=ANY, status=st.just("True"), message=st.text()), max_size=3),
    record=RECORDS,
    rollout=ANY,
)


@given(status=STATUSES, spec=ANY)
def test_any_object_is_shown_as_json_of_plain_texts_and_finite_numbers(status: Any, spec: Any) -> None:
    obj = {"metadata": a_canary("shop", "web")["metadata"], "spec": spec, "status": status}
    found = json.loads(json.dumps([summary(obj), detail(obj, (), 1e9)], allow_nan=False))
    assert not [text for text in _texts(found) if any(map(is_acted_upon, text))]
    assert 0 <= found[0]["weight"] <= 100


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _texts(each)]


def test_a_record_is_shown_in_seconds_percent_and_bounds() -> None:
    check = {"name": "request-duration", "value": 481.5, "max": 500, "verdict": "pass"}
    record = {
        "now": {
            "revision": "v1:ab",
            "began": "1970-01-01T00:00:10Z",
            "rounds": [{"at": "1970-01-01T00:00:20Z", "weight": 10, "checks": [check]}],
        },
        "past": [
            {"revision": "v1:aa", "ended": "1970-01-01T00:00:05Z", "outcome": "checks", "weight": 20, "failed": 3}
        ],
    }
    found = recorded_rounds({"record": record})
    assert found is not None
    assert found["now"]["began_s"] == 10.0
    (only,) = found["now"]["rounds"]
    assert (only["at_s"], only["weight"], only["iteration"]) == (20.0, 10, None)
    (shown,) = only["checks"]
    assert shown == {"name": "request-duration", "value": 481.5, "min": None, "max": 500, "verdict": "pass"}
    (past,) = found["past"]
    assert (past["ended_s"], past["outcome"], past["weight"], past["failed"]) == (5.0, "checks", 20, 3)


def test_a_record_of_any_length_is_shown_as_far_as_one_can_draw_it() -> None:
    rounds = [{"at": "2026-11-29T10:00:00Z", "weight": number, "checks": [{}] * 1000} for number in range(3000)]
    found = recorded_rounds({"record": {"now": {"rounds": rounds}, "past": [{}] * 1000}})
    assert found is not None
    assert (len(found["now"]["rounds"]), len(found["past"])) == (500, 10)
    assert {len(each["checks"]) for each in found["now"]["rounds"]} == {32}
    assert found["now"]["rounds"][-1]["weight"] == 100  # 2999 is no share of anything


def test_numbers_that_json_cannot_say_are_none() -> None:
    values = [math.nan, math.inf, -math.inf, True, "7", 1e300]
    checks = [{"name": "any", "value": value} for value in values]
    found = recorded_rounds({"record": {"now": {"rounds": [{"at": "2026-11-29T10:00:00Z", "checks": checks}]}}})
    assert found is not None
    assert [each["value"] for each in found["now"]["rounds"][0]["checks"]] == [None] * len(values)


def test_health_is_what_the_controller_says_to_tools_that_wait() -> None:
    conditions = [{"type": "Promoted", "status": "False"}, {"type": "Ready", "status": "False"}]
    stalled = [*conditions, {"type": "Stalled", "status": "True"}]
    assert summary(a_canary("shop", "web", conditions=stalled))["health"] == "Stalled"
    assert summary(a_canary("shop", "web", conditions=[{"type": "Ready", "status": "True"}]))["health"] == "Ready"
    assert summary(a_canary("shop", "web", conditions=conditions))["health"] == ""


@given(st.lists(st.tuples(st.sampled_from(["Progressing", "Failed"]), st.integers(0, 3), st.sampled_from("ab"))))
def test_what_was_seen_is_each_change_of_the_present_revision_and_no_more(looks: list[tuple[str, int, str]]) -> None:
    seen = Seen()
    for at_s, (phase, weight, revision) in enumerate(looks):
        seen.look(_view(phase, weight, revision), float(at_s))
    found = [(each.phase, each.weight) for each in seen.points("shop", "web")]
    assert all(one != other for one, other in pairwise(found))
    assert found[-1:] == [(phase, weight) for phase, weight, _ in looks[-1:]]
    last = next((n for n in range(len(looks) - 1, 0, -1) if looks[n - 1][2] != looks[n][2]), 0)
    wanted = [look[:2] for look in looks[last:]]
    assert found == [each for n, each in enumerate(wanted) if n == 0 or wanted[n - 1] != each]


def _view(phase: str, weight: int, revision: str, name: str = "web") -> CanaryView:
    return CanaryView.of(a_canary("shop", name, phase, weight, lastAppliedSpec=revision))


def test_what_was_seen_is_bounded_and_forgotten() -> None:
    seen = Seen()
    for number in range(POINTS * 2):
        seen.look(_view("Progressing", number % 2, "a"), number)
    assert len(seen.points("shop", "web")) == POINTS
    for number in range(CANARIES):
        seen.look(_view("Progressing", 1, "a", f"web-{number}"), 0.0)
    assert seen.points("shop", "web") == ()
    assert seen.points("shop", "web-1")
    seen.forget("shop", "web-1")
    assert seen.points("shop", "web-1") == ()
