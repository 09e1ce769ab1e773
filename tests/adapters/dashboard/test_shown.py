"""What the page is told of Canaries, whatever stands in them."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.dashboard.record import CHECKS as CHECKS_SHOWN
from canary_adapters.dashboard.record import PAST as PAST_SHOWN
from canary_adapters.dashboard.record import ROUNDS, recorded
from canary_adapters.dashboard.seen import CANARIES, POINTS, Seen
from canary_adapters.dashboard.shown import detail, summary
from canary_adapters.kubernetes.store.record import written_record
from canary_adapters.plain_text import is_acted_upon
from canary_adapters.steering.view import CanaryView
from canary_core import Bound, Outcome, Phase, Record, Verdict
from canary_core.record import Entry, Finding, Point, Round
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
SOME_ROUNDS = _of(at=TIMES, weight=st.integers(), checks=st.lists(CHECKS, max_size=3))
NOW = _of(revision=st.text(max_size=9), title=st.text(), began=TIMES, rounds=st.lists(SOME_ROUNDS, max_size=4))
PAST = _of(revision=st.text(max_size=9), ended=TIMES, weight=st.floats(), notPassed=st.integers(), check=CHECKS)
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


BEGUN = Point(phase=Phase.PROGRESSING, weight=10)


def _round(*findings: Finding, at_s: float = 20.0, then: int = 20) -> Round:
    return Round(at_s=at_s, before=BEGUN, then=Point(phase=Phase.PROGRESSING, weight=then), findings=findings)


def _shown(record: Record) -> Any:
    """What is shown of a record, through JSON as it is stored and sent."""
    found = recorded({"record": json.loads(json.dumps(written_record(record)))})
    return json.loads(json.dumps(found, allow_nan=False))


def test_a_record_is_shown_in_seconds_percent_and_bounds() -> None:
    bound = Bound(maximum=500)
    slow = Finding(check="request-duration", verdict=Verdict.FAIL, value=612.25, bound=bound)
    silent = Finding(check="request-success-rate", verdict=Verdict.NO_DATA, bound=Bound(minimum=99))
    past = Entry(
        revision="v1:aa",
        title="app:v1",
        began_s=1.0,
        ended_s=5.0,
        outcome=Outcome.CHECKS,
        weight=20,
        not_passed=3,
        worst=slow,
    )
    record = Record(now=Entry(revision="v1:ab", began_s=10.0), rounds=(_round(slow, silent),), past=(past,))
    found = _shown(record)
    assert (found["now"]["began_s"], found["now"]["outcome"], found["now"]["left_off"]) == (10.0, "under way", 0)
    (only,) = found["now"]["rounds"]
    assert (only["at_s"], only["weight"], only["then"]) == (20.0, 10, 20)
    numbers = {"value": 612.25, "min": None, "max": 500}
    words = {"verdict": "fail", "text": "612.25", "wanted": "at most 500"}
    assert only["checks"][0] == {"name": "request-duration", **numbers, **words}
    assert (only["checks"][1]["value"], only["checks"][1]["verdict"]) == (None, "no data")
    (ended,) = found["past"]
    assert (ended["title"], ended["outcome"], ended["weight"]) == ("app:v1", "failed: checks", 20)
    assert ended["why"] == "request-duration 612.25, wanted at most 500 (3 times)"


def test_a_record_of_any_length_is_shown_as_far_as_one_can_draw_it() -> None:
    checks = tuple(Finding(check=str(number), verdict=Verdict.PASS) for number in range(40))
    entries = tuple(Entry(revision=str(number), began_s=number) for number in range(100))
    rounds = tuple(_round(*checks, at_s=number, then=number) for number in range(600))
    found = _shown(Record(now=entries[0], rounds=rounds, past=entries))
    assert (len(found["now"]["rounds"]), found["now"]["left_off"]) == (ROUNDS, 600 - ROUNDS)
    assert {len(each["checks"]) for each in found["now"]["rounds"]} == {CHECKS_SHOWN}
    assert found["now"]["rounds"][-1]["then"] == 100  # 599 is no share of anything
    assert [each["revision"] for each in found["past"]] == [str(number) for number in range(99, 99 - PAST_SHOWN, -1)]


def test_numbers_that_json_cannot_say_are_told_as_text() -> None:
    values = (math.inf, -math.inf, 1e300)
    findings = tuple(Finding(check="any", verdict=Verdict.FAIL, value=value) for value in values)
    found = _shown(Record(now=Entry(revision="v1:ab", began_s=10.0), rounds=(_round(*findings),)))
    (only,) = found["now"]["rounds"]
    told = [(each["value"], each["text"]) for each in only["checks"]]
    assert told == [(None, "inf"), (None, "-inf"), (None, "1e+300")]


@pytest.mark.parametrize("record", [None, [], "none", {}, {"now": {"rounds": [{}]}}, {"past": [{}]}])
def test_what_cannot_be_read_is_no_record(record: Any) -> None:
    assert recorded({"record": record}) is None


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
