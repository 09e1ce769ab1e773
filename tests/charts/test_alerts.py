"""The alerting rules: each fires when it should and not when it should not, and says where to read on."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen

from tools.prometheus import program

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "charts" / "canary" / "rules" / "alerts.yaml"
PAGE = ROOT / "docs" / "alerts.md"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
ON, POD, OTHER = 'name="app",namespace="shop"', 'job="canary",instance="a"', 'job="canary",instance="b"'
STATUS, WEIGHT = f"flagger_canary_status{{{ON}}}", 'flagger_canary_weight{namespace="shop",workload="%s"}'
PHASE, WAIT = (
    f'canary_phase_start_time_seconds{{{ON},phase="%s"}}',
    f'canary_waiting_start_time_seconds{{{ON},on="%s"}}',
)
MEASURED, INTERVAL = f"canary_measurement_start_time_seconds{{{ON}}}", f"canary_interval_seconds{{{ON}}}"
DEADLINE, PAUSED = f"canary_progress_deadline_seconds{{{ON}}}", f"canary_paused{{{ON}}}"
STRANDED = f"canary_without_known_good{{{ON}}}"
NOT_PASSED = f'canary_checks_not_passed_total{{{ON},check="rate",verdict="%s"}}'
LEADER, TICKS = "canary_is_leader{%s}", f'canary_ticks_total{{{POD},result="%s"}}'
TOTAL = f'flagger_canary_total{{{POD},namespace="shop"}}'
LATE = f'canary_tick_lateness_seconds_bucket{{{POD},le="%s"}}'

ROLLOUT = {"name": "app", "namespace": "shop"}
JOB = {"job": "canary"}


@frozen
class Case:
    """A course of events, one value a minute from minute 0 on, and what is seen of an alert at a minute."""

    alert: str
    story: str
    series: dict[str, str]
    at: int
    fires: dict[str, str] | None = None
    """Labels besides those of the rule. None: it does not fire."""


def _stalled(
    *, age: str = "0x60", interval: str = "60x60", phase: str = "Progressing", paused: str = "0x60"
) -> dict[str, str]:
    return {MEASURED: age, INTERVAL: interval, DEADLINE: "600x60", PHASE % phase: "0x60", PAUSED: paused}


CASES = [
    Case("CanaryFailed", "a rollback", {STATUS: "0x5 2x20"}, 7, ROLLOUT),
    Case("CanaryFailed", "under way", {STATUS: "0x20"}, 7),
    Case("CanaryFailed", "promoted after all", {STATUS: "2x5 0x5 1x10"}, 14),
    Case(
        "CanaryFailed",
        "two leaders' series are one",
        {STATUS: "2x9", STATUS.replace("}", ',instance="b"}'): "2x9"},
        5,
        ROLLOUT,
    ),
    Case("CanaryPromotionFailed", "canary has it all", {STATUS: "2x20", WEIGHT % "app": "100x20"}, 5, ROLLOUT),
    Case(
        "CanaryPromotionFailed",
        "rolled back",
        {STATUS: "2x20", WEIGHT % "app": "0x20", WEIGHT % "app-primary": "100x20"},
        5,
    ),
    Case("CanaryPromotionFailed", "blue/green under way", {STATUS: "0x20", WEIGHT % "app": "100x20"}, 5),
    Case("CanaryNoKnownGood", "nothing is good", {STRANDED: "1x20"}, 5, ROLLOUT),
    Case("CanaryNoKnownGood", "for a moment only", {STRANDED: "1 0x20"}, 5),
    Case("CanaryAwaitsApproval", "before the promotion", {PHASE % "WaitingPromotion": "0x300"}, 241, ROLLOUT),
    Case("CanaryAwaitsApproval", "before more traffic", {WAIT % "approval": "0x300"}, 241, ROLLOUT),
    Case("CanaryAwaitsApproval", "not long yet", {PHASE % "Waiting": "0x300"}, 239),
    Case("CanaryAwaitsApproval", "for pods", {WAIT % "canary": "0x300", PHASE % "Progressing": "0x300"}, 241),
    Case("CanaryPaused", "over four hours", {PAUSED: "1x300"}, 241, ROLLOUT),
    Case("CanaryPaused", "not long yet", {PAUSED: "1x300"}, 239),
    Case(
        "CanaryStuck",
        "pods of the primary",
        {PHASE % "Promoting": "0x60", DEADLINE: "600x60"},
        27,
        {**ROLLOUT, "phase": "Promoting"},
    ),
    Case("CanaryStuck", "there was more time", {PHASE % "Promoting": "0x60", DEADLINE: "1800x60"}, 27),
    Case("CanaryStuck", "settled", {PHASE % "Succeeded": "0x60", DEADLINE: "600x60"}, 60),
    Case("CanaryAnalysisStalled", "no analysis", _stalled(), 27, ROLLOUT),
    Case("CanaryAnalysisStalled", "one each minute", _stalled(age="0+60x60"), 60),
    Case("CanaryAnalysisStalled", "a long interval", _stalled(interval="600x60"), 60),
    Case("CanaryAnalysisStalled", "settled", _stalled(phase="Succeeded"), 60),
    Case("CanaryAnalysisStalled", "held by a person", _stalled(paused="1x60"), 60),
    Case(
        "CanaryWithoutData", "no requests", {NOT_PASSED % "no-data": "0x5 1 2 3x20"}, 10, {**ROLLOUT, "check": "rate"}
    ),
    Case("CanaryWithoutData", "once", {NOT_PASSED % "no-data": "0x5 1x20"}, 10),
    Case("CanaryWithoutData", "bad values", {NOT_PASSED % "fail": "0+1x20", NOT_PASSED % "no-data": "0x20"}, 10),
    Case(
        "CanaryCheckErrors", "nobody answers", {NOT_PASSED % "error": "0x5 1 2 3x20"}, 10, {**ROLLOUT, "check": "rate"}
    ),
    Case("CanaryCheckErrors", "once", {NOT_PASSED % "error": "0x5 1x20"}, 10),
    Case("CanaryControllerDown", "nobody is scraped", {LEADER % POD: "1x5 stale"}, 12, {}),
    Case("CanaryControllerDown", "a follower is left", {LEADER % POD: "1x5 stale", LEADER % OTHER: "0x20"}, 12),
    Case("CanaryNoLeader", "only followers", {LEADER % POD: "0x20", LEADER % OTHER: "0x20"}, 6, JOB),
    Case("CanaryNoLeader", "one leads", {LEADER % POD: "1x20", LEADER % OTHER: "0x20"}, 6),
    Case("CanaryNoLeader", "a change of the leader", {LEADER % POD: "1x5 stale", LEADER % OTHER: "0x7 1x20"}, 9),
    Case("CanarySeveralLeaders", "two", {LEADER % POD: "1x20", LEADER % OTHER: "1x20"}, 6, JOB),
    Case("CanarySeveralLeaders", "one leads", {LEADER % POD: "1x20", LEADER % OTHER: "0x20"}, 6),
    Case("CanaryControllerIdle", "no ticks", {TICKS % "ok": "5x60", TOTAL: "2x60"}, 40, JOB),
    Case("CanaryControllerIdle", "settled", {TICKS % "ok": "0x5 1x5 2x5 3x5 4x5 5x5 6x20", TOTAL: "2x60"}, 40),
    Case("CanaryControllerIdle", "no canaries", {TICKS % "ok": "5x60"}, 40),
    Case(
        "CanaryTicksLate",
        "beyond 5 s",
        {LATE % "5.0": "0+1x60", LATE % "10.0": "0+10x60", LATE % "+Inf": "0+10x60"},
        40,
        JOB,
    ),
    Case(
        "CanaryTicksLate", "in time", {LATE % "5.0": "0+10x60", LATE % "10.0": "0+10x60", LATE % "+Inf": "0+10x60"}, 40
    ),
    Case("CanaryApiUnavailable", "half of all", {TICKS % "ok": "0+5x60", TICKS % "unavailable": "0+5x60"}, 40, JOB),
    Case("CanaryApiUnavailable", "one in twenty", {TICKS % "ok": "0+19x60", TICKS % "unavailable": "0+1x60"}, 40),
    Case("CanaryControllerError", "once", {TICKS % "error": "0x5 1x20"}, 8, JOB),
    Case("CanaryControllerError", "never", {TICKS % "error": "0x20", TICKS % "conflict": "0+3x20"}, 8),
    Case("CanaryRefused", "again and again", {TICKS % "refused": "0+1x60"}, 30, JOB),
    Case("CanaryRefused", "mended at once", {TICKS % "refused": "0 1x60"}, 30),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}, {case.story}")
def test_it_fires_when_it_should_and_only_then(case: Case, tmp_path: Path) -> None:
    rule = ALERTS[case.alert]
    labels = {"alertname": case.alert, "alertstate": "firing", **rule["labels"], **(case.fires or {})}
    shown = ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    expected = [] if case.fires is None else [{"labels": f"ALERTS{{{shown}}}", "value": 1}]
    story = {
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}',
                "eval_time": f"{case.at}m",
                "exp_samples": expected,
            }
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [story]}))
    done = subprocess.run(
        [program("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_firing_and_quiet() -> None:
    assert {case.alert for case in CASES if case.fires is not None} == set(ALERTS)
    assert {case.alert for case in CASES if case.fires is None} == set(ALERTS)


def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(
        [program("promtool"), "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "FAILED" in done.stdout) == (0, False), done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_it_says_what_happened_how_bad_it_is_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert ROOT / page == PAGE
    assert anchor in {heading.lower() for heading in _sections()}


def test_the_page_has_a_section_for_every_alert_and_no_other() -> None:
    sections = _sections()
    assert list(sections) == list(ALERTS)
    for alert, text in sections.items():
        assert len(text.split()) > 30, alert


def _sections() -> dict[str, str]:
    parts = re.split(r"^### (\w+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
