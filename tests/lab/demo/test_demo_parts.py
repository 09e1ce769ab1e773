"""The demo's faults, manifests, screen and lines."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import yaml
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from canary_lab.demo import manifests
from canary_lab.demo.fault import Fault, FaultError
from canary_lab.demo.report import Lines, report
from canary_lab.demo.screen import WIDTH, screen
from canary_lab.demo.story import Chapter, Outcome
from canary_lab.demo.view import Event, Side, View
from canary_lab.mesh.load import summary

EXAMPLES = Path(__file__).parents[3] / "examples"
PRIMARY = Side(name="fleet-simple-app-primary", version="v1", ready="1/1", rate=40.4, success=100.0, p99_ms=3.2)
CANARY = Side(name="fleet-simple-app", version="v2", ready="1/1", rate=31.0, success=95.12, p99_ms=812.0)
VIEW = View(
    elapsed_s=65.4,
    chapter="Version v2 is delivered",
    phase="Progressing",
    weight=20,
    failed=2,
    threshold=10,
    primary=PRIMARY,
    canary=CANARY,
    events=(Event(at="10:00:01", text="Advance fleet-simple-app canary weight 20", is_warning=False),),
    requests=1234,
    failures=7,
)


def _drawn(view: View) -> str:
    console = Console(width=WIDTH, record=True, file=io.StringIO())
    console.print(screen(view))
    return console.export_text()


@pytest.mark.parametrize(
    ("text", "variable", "value"),
    [
        ("error-rate=5%", "ERROR_RATE", "5%"),
        ("error-rate=0.5", "ERROR_RATE", "0.5"),
        ("latency=800ms", "LATENCY", "800ms"),
        ("latency=1.5s", "LATENCY", "1.5s"),
        ("crash", "CRASH", "true"),
    ],
)
def test_a_fault_is_what_the_app_takes(text: str, variable: str, value: str) -> None:
    found = Fault.read(text)
    assert (found.variable, found.value) == (variable, value)


@pytest.mark.parametrize(
    "text",
    ["", "crash=1", "error-rate", "error-rate=0", "error-rate=101%", "latency=5", "latency=2m", "latency=-1s", "x"],
)
def test_anything_else_is_told_with_what_is_allowed(text: str) -> None:
    with pytest.raises(FaultError, match="error-rate=5%, latency=800ms or crash"):
        Fault.read(text)


@given(st.text(max_size=30).filter(lambda text: not text.startswith(("crash", "error-rate=", "latency="))))
def test_random_text_is_no_fault(text: str) -> None:
    with pytest.raises(FaultError) as caught:
        Fault.read(text)
    assert repr(text) in str(caught.value)


def test_the_canary_is_the_articles_but_for_its_times() -> None:
    ours = yaml.safe_load(manifests.canary(interval="1m", window="1m", deadline_s=20))
    del ours["spec"]["progressDeadlineSeconds"]
    assert ours == yaml.safe_load((EXAMPLES / "article" / "canary.yaml").read_text())


def test_the_load_tester_is_that_of_the_examples() -> None:
    assert manifests.load_tester() == (EXAMPLES / "loadtester" / "deployment.yaml").read_text()


def test_the_screen_shows_it_all() -> None:
    text = _drawn(VIEW)
    for part in (
        "1:05",
        "Version v2 is delivered",
        "1,234 requests, 7 failed",
        "failed checks 2/10",
        "80 % primary",
        "20 % canary",
        "95.12 %",
        "812 ms",
        "Advance fleet-simple-app canary weight 20",
    ):
        assert part in text
    assert text.count("▒") == pytest.approx((text.count("▒") + text.count("█")) * 0.2, abs=0.5)
    assert text.count("█") > 40


@pytest.mark.parametrize(
    "phase", ["", "Initializing", "Initialized", "Progressing", "Promoting", "Succeeded", "Failed"]
)
def test_no_line_is_wider_than_the_screen_and_it_does_not_jump(phase: str) -> None:
    lines = _drawn(evolve(VIEW, phase=phase)).splitlines()
    assert {len(line) for line in lines} == {WIDTH}
    assert len(lines) == len(_drawn(VIEW).splitlines())
    assert (phase or "waiting for the controller") in "\n".join(lines)


def test_a_side_without_traffic_shows_none() -> None:
    idle = evolve(CANARY, rate=None, success=None, p99_ms=None, ready="0/0")
    line = next(each for each in _drawn(evolve(VIEW, canary=idle)).splitlines() if "v2  " in each and "0/0" in each)
    assert line.replace("│", "").split() == ["fleet-simple-app", "v2", "0/0", "-", "-", "-"]


def test_lines_tell_each_thing_once() -> None:
    lines = Lines()
    assert lines.of(VIEW) == [
        "1:05  Version v2 is delivered | Progressing 20 | users: 1234 requests, 7 failed",
        "      Advance fleet-simple-app canary weight 20",
    ]
    assert lines.of(VIEW) == []
    later = evolve(VIEW, elapsed_s=70.0, weight=30)
    assert lines.of(later) == ["1:10  Version v2 is delivered | Progressing 30 | users: 1234 requests, 7 failed"]


@pytest.mark.parametrize(("phase", "ok"), [("Succeeded", True), ("Failed", False)])
def test_the_report_says_how_it_ended(phase: str, ok: bool) -> None:
    chapter = Chapter(version="v2", told="", expected="Succeeded", phase=phase, users=summary(()), took_s=12.0)
    outcome = Outcome(chapters=(chapter,))
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(report(outcome, Path("/somewhere")))
    assert outcome.ok is ok
    assert ("The good version is in operation" in console.export_text()) is ok
