"""What happened, in the status: without loss, bounded, and never in the way of anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.kubernetes.resources import CANARIES
from canary_adapters.kubernetes.store.record import read_record, written_record
from canary_core import (
    Answer,
    Bound,
    Check,
    MetricQuestion,
    NoData,
    Outcome,
    Policy,
    Progressive,
    Question,
    Record,
    Sample,
    SourceError,
    at_best,
)
from canary_core.record import LONGEST_TITLE
from canary_sims.harness.strategies import policies
from delivery.situations import ANALYSIS, Play, at_20, playing
from stories.obliged import Life

ANSWERS: st.SearchStrategy[Answer] = st.one_of(
    st.floats().map(lambda value: Sample(value=value)),
    st.builds(Sample, value=st.floats(), count=st.integers(0, 10**9)),
    st.builds(NoData),
    st.builds(SourceError, message=st.just("down")),
)
MOST = 8_000
"""Characters of JSON."""


@given(policies(), st.data())
def test_it_is_read_as_it_was_written_and_stays_small(policy: Policy, data: st.DataObject) -> None:
    life, best = Life(policy), at_best(policy)

    def answer(question: Question) -> Answer:
        return data.draw(ANSWERS) if isinstance(question, MetricQuestion) else best(question)

    for number in range(2):
        life.declare(f"v1:{number + 2}", "\N{SNOWMAN}" * 500)
        life.go(answer, most=30)
    text = json.dumps(written_record(life.record), ensure_ascii=False)
    assert read_record(json.loads(text)) == life.record
    assert len(text) < MOST


def test_a_full_one_stays_small() -> None:
    bound = Bound(minimum=99.123456789, maximum=100.123456789)
    checks = tuple(Check(id=f"{number:0>80}", bound=bound) for number in range(30))
    life = Life(Policy(strategy=Progressive(weights=tuple(range(1, 101))), checks=checks, threshold=5))
    for number in range(20):
        life.declare(f"v1:{number + 2}", "x" * LONGEST_TITLE)
        life.go(lambda _: Sample(value=99.123456789 / 3, count=10**6), most=60)
    assert len(life.record.past) == 9
    assert len(json.dumps(written_record(life.record))) < MOST


def test_the_status_of_the_longest_policy_stays_under_16_kib(play: Play) -> None:
    bound = {"interval": "1m", "thresholdRange": {"min": -9999.123456789, "max": 9999.123456789}}
    metrics = [{"name": f"{number}-{'x' * 60}", "query": "sum(rate(x[1m]))", **bound} for number in range(12)]
    play.deploy(analysis={"interval": "1m", "threshold": 2, "stepWeights": list(range(1, 101)), "metrics": metrics})
    play.controller.until("Initialized", play.key)
    for number in range(12):  # each is overtaken by the next
        play.controller.image(play.key, f"{number}{'v' * 100}")
        play.until(lambda status: bool(status["canaryWeight"] == 0 and status["phase"] == "Progressing"))
        play.until(lambda status: bool(status["canaryWeight"] == 20))
    longest = max(len(json.dumps(obj["status"], ensure_ascii=False).encode()) for obj in play.controller.api.told)
    assert 8_000 < longest < 16 * 1024, longest


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["now", "past", "rounds", "at", "then", "checks", "name", "verdict", "value", "began"]),
            inner,
        )
    ),
)


@given(json_values)
def test_what_is_no_record_is_forgotten(found: Any) -> None:
    assert isinstance(read_record(found), Record)


@pytest.fixture
def play() -> Any:
    """A Canary of the article."""
    yield from playing()


def _record(play: Play) -> Any:
    return play.now["status"].get("record")


def test_a_rollout_is_recorded_with_the_writes_that_are_due_anyway(play: Play) -> None:
    at_20(play)
    play.until_phase("Succeeded")
    play.rest()
    found = read_record(_record(play))
    assert found.now is not None
    assert (found.now.title, found.now.outcome, found.now.weight) == ("app:v2", Outcome.COMPLETED, 50)
    assert [(each.before.weight, each.then.weight) for each in found.rounds] == [(20, 50), (50, 50)]
    before = play.controller.api.calls["PUT canaries/status"]
    play.rest()
    assert play.controller.api.calls["PUT canaries/status"] == before


def test_it_outlives_a_problem_and_a_record_that_somebody_has_spoilt(play: Play) -> None:
    at_20(play)
    play.until_phase("Succeeded")
    play.declare(analysis={**ANALYSIS, "stepWeights": [0]})
    play.controller.tick(play.key)
    assert play.now["status"]["conditions"][0]["reason"] == "InvalidSpec"
    assert read_record(_record(play)).now is not None
    play.controller.edit(CANARIES, play.key, lambda obj: obj["status"].update(record={"now": [3]}))
    play.declare(analysis=ANALYSIS)
    play.controller.image(play.key, "v3")
    play.until_phase("Succeeded")
    found = read_record(_record(play))
    assert found.now is not None
    assert found.now.title == "app:v3"
