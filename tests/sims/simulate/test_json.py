"""Lines of JSON: their schema is what the documentation says, and does not change by accident."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from canary_core import Policy
from canary_core.messages import Names
from canary_sims.report import to_lines
from canary_sims.scenario import read_scenario
from canary_sims.simulation import simulate

DOCUMENT: Final = (Path(__file__).parents[3] / "docs" / "simulate.md").read_text(encoding="utf-8")
TYPES: Final[dict[str, tuple[type, ...]]] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def documented(title: str) -> dict[str, str]:
    """Types by field, from the table under a heading of the documentation."""
    section = DOCUMENT.split(f"### Fields of {title}\n")[1].split("\n### ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([\w ]+?) \|", section, flags=re.MULTILINE))


def conforms(found: dict[str, Any], title: str) -> None:
    """Check that an object has exactly the documented fields, in their order, with the documented types."""
    fields = documented(title)
    assert list(found) == list(fields), title
    for name, kinds in fields.items():
        allowed = tuple(kind for word in kinds.split(" or ") for kind in TYPES[word])
        assert type(found[name]) in allowed, f"{title}: {name} is {found[name]!r}, not {kinds}"


@pytest.fixture(params=["errors", "prometheus-down", "hand-edited-routes", "never-ready", "primary-fails", "gate"])
def lines(request: pytest.FixtureRequest, scenarios: Path, article: Policy, gated: Policy, names: Names) -> list[str]:
    """The lines of a run of each kind."""
    policy = gated if request.param == "gate" else article
    return list(to_lines(simulate(policy, read_scenario(scenarios / f"{request.param}.yaml"), names=names)))


def test_lines_are_as_documented(lines: list[str]) -> None:
    *ticks, outcome = map(json.loads, lines)
    conforms(outcome, "the outcome")
    assert outcome["ticks"] == len(ticks)
    for tick in ticks:
        conforms(tick, "a tick")
        for metric in tick["metrics"]:
            conforms(metric, "a metric")
        for notice in [tick["reason"], *tick["notices"]]:
            conforms(notice, "a reason")
        for event in tick["events"]:
            conforms(event, "an event")


def test_lines_are_ascii_and_plain_json(lines: list[str]) -> None:
    """No NaN or Infinity, which other languages' readers refuse, and no byte that an encoding could change."""
    for line in lines:
        assert line.isascii()
        json.loads(line, parse_constant=pytest.fail)


def test_schema_version_one() -> None:
    """Whoever takes a field away or gives it another meaning must count the version up, and change this test.

    Additions go into the lists below.
    """
    assert list(documented("a tick")) == [
        "schema",
        "type",
        "time",
        "phase",
        "status_weight",
        "canary_weight",
        "primary_weight",
        "mirrored",
        "audience",
        "failed_checks",
        "no_data_checks",
        "error_checks",
        "iterations",
        "primary_revision",
        "primary_replicas",
        "primary_ready",
        "canary_revision",
        "canary_replicas",
        "canary_ready",
        "metrics",
        "reason",
        "notices",
        "events",
    ]
    assert list(documented("the outcome")) == [
        "schema",
        "type",
        "outcome",
        "phase",
        "cause",
        "message",
        "duration",
        "ticks",
        "requests",
        "failed_requests",
        "failed_on_canary",
        "copied_requests",
        "revisions",
        "seed",
        "exit_code",
        "broken",
    ]


def test_reason_of_a_failed_check_has_the_numbers(scenarios: Path, article: Policy, names: Names) -> None:
    run = simulate(article, read_scenario(scenarios / "errors.yaml"), names=names)
    tick = json.loads(list(to_lines(run))[3])
    facts = tick["reason"]["facts"]
    assert tick["reason"]["code"] == "CheckNotPassed"
    assert facts["check"] == "request-success-rate"
    assert facts["verdict"] == "fail"
    assert facts["bound"] == {"minimum": 99, "maximum": None}
    assert facts["value"] < 99


def test_documented_example_is_the_output(scenarios: Path, article: Policy, names: Names) -> None:
    run = simulate(article, read_scenario(scenarios / "errors.yaml"), names=names)
    example = DOCUMENT.split("### Example")[1].split("```json\n")[1].split("\n```")[0]
    assert example == list(to_lines(run))[-1]
