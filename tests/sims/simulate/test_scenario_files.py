"""Scenario files: what they say, and what is said about their mistakes."""

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_core import Policy, Verb
from canary_sims.scenario import (
    Answer,
    AnswerHook,
    Behaviour,
    ChangeCanary,
    ChangePrimary,
    CreepLatency,
    Declare,
    EditRoutes,
    Event,
    MakeRequest,
    Metrics,
    Scenario,
    ScenarioError,
    SetMetrics,
    SetRate,
    Suspend,
    parse_scenario,
    read_scenario,
    written,
)
from canary_sims.simulation import simulate
from canary_sims.world import Autoscaler

EVERYTHING = """
description: >
  All that a scenario
  can say.
initialized: false
replicas: 3
requestsPerSecond: 12.5
testsPerSecond: 3
matchedShare: 10%
app: {revision: one, errorRate: 0.1%, latency: 30ms, readyAfter: 1m}
events:
  - {at: 0, declare: {revision: two, errorRate: 5%, latency: 1.5s, readyAfter: never}}
  - {at: 1m30s, canary: {errorRate: 0%, crash: true}}
  - {at: 2m, latencyCreep: {by: 50ms, every: 1m, upTo: 2s}}
  - {at: 2m, primary: {readyAfter: 30s, crash: false}}
  - {at: 3m, metrics: silent}
  - {at: 3m, hook: {name: gate, answer: unreachable}}
  - {at: 4m, routes: {canaryWeight: 70}}
  - {at: 5m, request: abort}
  - {at: 6m, suspend: true}
  - {at: 1h, requestsPerSecond: 0}
"""


def test_everything_that_can_be_said() -> None:
    assert parse_scenario(EVERYTHING) == Scenario(
        description="All that a scenario can say.",
        initialized=False,
        replicas=3,
        rate=12.5,
        test_rate=3.0,
        matched_share=0.1,
        revision="one",
        behaviour=Behaviour(error_rate=0.001, latency_ms=30.0, ready_after_s=60.0),
        events=(
            Event(
                at_s=0.0,
                what=Declare(
                    revision="two",
                    behaviour=Behaviour(error_rate=0.05, latency_ms=1500.0, ready_after_s=math.inf),
                ),
            ),
            Event(at_s=90.0, what=ChangeCanary(behaviour=Behaviour(error_rate=0.0), crash=True)),
            Event(at_s=120.0, what=CreepLatency(by_ms=50.0, every_s=60.0, up_to_ms=2000.0)),
            Event(at_s=120.0, what=ChangePrimary(ready_after_s=30.0, crash=False)),
            Event(at_s=180.0, what=SetMetrics(state=Metrics.SILENT)),
            Event(at_s=180.0, what=AnswerHook(name="gate", answer=Answer.UNREACHABLE)),
            Event(at_s=240.0, what=EditRoutes(canary_weight=70)),
            Event(at_s=300.0, what=MakeRequest(verb=Verb.ABORT)),
            Event(at_s=360.0, what=Suspend(on=True)),
            Event(at_s=3600.0, what=SetRate(rate=0.0)),
        ),
    )


def test_an_autoscaler_in_the_words_of_kubernetes() -> None:
    """What is left out is as there."""
    whole = "{minReplicas: 2, maxReplicas: 12, requestsPerSecondPerPod: 12.5, stabilizationWindow: 1m}"
    assert parse_scenario(f"autoscaler: {whole}") == Scenario(
        autoscaler=Autoscaler(fewest=2, most=12, per_pod=12.5, window_s=60.0)
    )
    assert parse_scenario("autoscaler: {maxReplicas: 3}") == Scenario(
        autoscaler=Autoscaler(fewest=1, most=3, per_pod=math.inf, window_s=300.0)
    )
    for text in (f"autoscaler: {whole}", "autoscaler: {maxReplicas: 3}", "events: [{at: 1s, primary: {scale: 1}}]"):
        assert parse_scenario(written(parse_scenario(text))) == parse_scenario(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "autoscaler: {minReplicas: 5, maxReplicas: 3}",
            's.yaml:1: autoscaler: "minReplicas: 5" is not allowed: must be at most maxReplicas (3)',
        ),
        ("autoscaler: {minReplicas: 5}", "s.yaml:1: autoscaler.maxReplicas: is missing, but must be given"),
        (
            "autoscaler: {maxReplicas: 0}",
            "s.yaml:1: autoscaler.maxReplicas: 0 is not allowed: must be a whole number of pods from 1 to 10000",
        ),
        (
            "autoscaler: {maxReplicas: 3, requestsPerSecondPerPod: 0}",
            's.yaml:1: autoscaler: "requestsPerSecondPerPod: 0" is not allowed: must be more than 0, or left out',
        ),
        (
            "autoscaler: {maxReplica: 3}",
            (
                "s.yaml:1: autoscaler.maxReplica: unknown field, known are minReplicas, maxReplicas, "
                "requestsPerSecondPerPod, stabilizationWindow; did you mean maxReplicas?"
            ),
        ),
        (
            "replicas: 3\nautoscaler: {maxReplicas: 3}",
            's.yaml:1: "replicas: 3" is not allowed: must be left out with an autoscaler, which says how many',
        ),
    ],
)
def test_mistakes_in_an_autoscaler_are_told(text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(text, source="s.yaml")
    assert said in str(raised.value).splitlines()


def test_an_empty_mapping_is_a_service_to_which_nothing_happens() -> None:
    assert parse_scenario("{}") == Scenario()


def test_all_mistakes_come_together() -> None:
    """Each with its line, field, value and what is allowed; a slip of the pen gets a hint."""
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(
            "descripton: x\n"
            "replicas: 0\n"
            "events:\n"
            "  - declare: {revision: v2, errorRate: 5, redyAfter: never}\n"
            "  - {at: 3m, metrics: dwn}\n"
            "  - {at: 3, suspend: maybe}\n"
            "  - {at: 3s, request: pause, suspend: true}\n",
            source="s.yaml",
        )
    assert str(raised.value).splitlines() == [
        (
            "s.yaml:1: descripton: unknown field, known are description, initialized, replicas, autoscaler, "
            "requestsPerSecond, testsPerSecond, matchedShare, app, events, faults; did you mean description?"
        ),
        "s.yaml:2: replicas: 0 is not allowed: must be a whole number of pods from 1 to 10000",
        "s.yaml:4: events[0].at: is missing, but must be given",
        (
            "s.yaml:4: events[0].declare.errorRate: 5 is not allowed: must be a percentage from 0% to 100%, such as 5% "
            "or 0.1%"
        ),
        (
            "s.yaml:4: events[0].declare.redyAfter: unknown field, known are errorRate, latency, readyAfter, revision; "
            "did you mean readyAfter?"
        ),
        's.yaml:5: events[1].metrics: "dwn" is not allowed: must be one of up, down, silent; did you mean down?',
        "s.yaml:6: events[2].at: 3 is not allowed: must be a duration such as 30s, 3m or 1h30m",
        's.yaml:6: events[2].suspend: "maybe" is not allowed: must be true or false',
        (
            's.yaml:7: events[3]: "request and suspend" is not allowed: must be exactly one of declare, canary, '
            "latencyCreep, primary, metrics, hook, routes, request, suspend, requestsPerSecond, scale, delete"
        ),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must hold one document, not 0"),
        ("a: 1\n---\nb: 2", "must hold one document, not 2"),
        ("[]", "must be a mapping"),
        ("events: 3", "must be a list of events"),
        ("events: [5]", "events[0]: 5 is not allowed"),
        ("events: [{at: 1s}]", "exactly one of"),
        ("events: [{at: 1s, canary: {}}]", "at least one of errorRate"),
        ("events: [{at: 1s, hook: {name: x}}]", "events[0].hook.answer: is missing"),
        ("events: [{at: 1s, latencyCreep: {by: 5ms, every: 0s}}]", "must be at least 1s"),
        ("events: [{at: 2000h, suspend: true}]", "at most 1000h"),
        ("events: [{at: 1:30, suspend: true}]", "must be a duration"),
        ("events: [{at: -5s, suspend: true}]", "must be a duration"),
        ("events: [{at: 5s, routes: {canaryWeight: 101}}]", "from 0 to 100"),
        ("events: [{at: 5s, routes: {canaryWeight: true}}]", "from 0 to 100"),
        ("requestsPerSecond: .nan", "a number of requests per second"),
        ("matchedShare: 120%", "from 0% to 100%"),
        ("app: {revision: 1}", "a text that is not empty"),
        ("app: {readyAfter: soon}", "or never"),
        ("replicas: 2\nreplicas: 3", "twice"),
        ("a: &a [*a]", "alias"),
        ("a: !!python/object:os.system x", "tag"),
        ("[" * 100, "nested deeper"),
        ("\0", "not YAML"),
        ("{[a]: 1}", "a key must be a text"),
        ("events: [" + "{at: 1s, suspend: true}," * 1001 + "]", "at most 1000"),
    ],
)
def test_mistake(text: str, said: str) -> None:
    """One line, with file and what is allowed; never another exception."""
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(text, source="s.yaml")
    assert said in str(raised.value)
    assert str(raised.value).startswith("s.yaml:")


@given(st.text() | st.from_regex(r"events: \[\{at: .{1,5}, [a-zA-Z]{1,12}: .{1,9}\}\]", fullmatch=True))
def test_any_text_is_a_scenario_or_a_mistake(text: str) -> None:
    """Nothing else ever comes out, however odd the text."""
    with contextlib.suppress(ScenarioError):
        assert isinstance(parse_scenario(text), Scenario)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (2**20 + 1)])
def test_file_that_cannot_be_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError, match=r"s\.yaml: is "):
        read_scenario(path)
    with pytest.raises(ScenarioError, match="No such file"):
        read_scenario(tmp_path / "none.yaml")


def test_hook_that_the_policy_does_not_have(article: Policy) -> None:
    scenario = parse_scenario("events: [{at: 1s, hook: {name: gate, answer: refuse}}]", source="s.yaml")
    with pytest.raises(ScenarioError) as raised:
        simulate(article, scenario)
    assert str(raised.value) == 's.yaml: events[0].hook.name: "gate" is not allowed: must be one of load-test'
