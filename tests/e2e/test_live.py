"""A controller in the middle of its work, scraped by a real Prometheus: dashboard and alerts ask for what there is."""

from __future__ import annotations

import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from attrs import frozen
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

import generate_dashboard
from applications.demo_app import App
from canary_core import Phase, Wait
from laboratories.lab import Lab, eventually
from tools.prometheus import program
from tools.promql import Use, labels_made, labels_of_gathering, uses

pytestmark = pytest.mark.slow

RULES = generate_dashboard.TARGET.parents[1] / "rules" / "alerts.yaml"
ALERTS: dict[str, str] = {
    rule["alert"]: rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
PANELS: dict[str, list[str]] = {
    panel["title"]: [target["expr"] for target in panel["targets"]]
    for panel in generate_dashboard.dashboard()["panels"]
    if panel["type"] != "row"
}
VARIABLES = [variable["definition"] for variable in generate_dashboard.dashboard()["templating"]["list"][1:]]
SCRAPED = {"cluster", "job", "instance"}
"""Labels that a scrape adds, or the Prometheus of a fleet."""
SEEN_SELDOM = {"phase": {phase.value for phase in Phase}, "on": {wait.value for wait in Wait}}
"""Labels of which one rollout does not show every value."""
MESH = ["reporter", "destination_workload_namespace", "destination_workload"]
OWN = {"name": "own", "query": "own_metric", "thresholdRange": {"max": 5}}
GATE = {"name": "gate", "type": "confirm-traffic-increase", "url": "http://127.0.0.1:9/"}


class Mesh(Collector):
    """What Istio would tell of two workloads: more requests each time that it is asked, one in ten of them bad."""

    def __init__(self, namespace: str, name: str) -> None:
        self._places = [["destination", namespace, workload] for workload in (name, f"{name}-primary")]
        self._asked = 0

    def collect(self) -> Iterable[Metric]:
        """Values, higher ones than before."""
        self._asked += 10
        total = CounterMetricFamily("istio_requests", "Requests.", labels=[*MESH, "response_code"])
        took = HistogramMetricFamily("istio_request_duration_milliseconds", "Durations.", labels=MESH)
        for place in self._places:
            total.add_metric([*place, "200"], self._asked * 9)
            total.add_metric([*place, "503"], self._asked)
            took.add_metric(place, [("100", self._asked), ("+Inf", self._asked)], self._asked * 50)
        yield total
        yield took


@frozen
class Prometheus:
    """A running one."""

    url: str

    def get(self, path: str, **asked: str) -> Any:
        """What its API answers."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=asked, timeout=10)
        content = answer.json()
        assert content["status"] == "success", (asked, content)
        return content["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Series of an instant query."""
        found: list[dict[str, Any]] = self.get("query", query=expr)["result"]
        return found

    def firing(self) -> set[str]:
        """Names of the alerts that fire."""
        return {series["metric"]["alertname"] for series in self.query('ALERTS{alertstate="firing"}')}


@frozen
class Seen:
    """What was there to see."""

    prometheus: Prometheus
    app: App
    alarms: dict[str, set[str]]
    """Alerts that fired, by the phase that the rollout was in."""
    exported: dict[str, list[dict[str, str]]]
    """Every series that was ever scraped: metric, and labels."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """A promotion, a rollback, and a rollout before a closed gate."""
    folder = tmp_path_factory.mktemp("live")
    with Lab(folder) as lab, lab.controller() as controller:
        app = App(lab, "shop")
        lab.prometheus.custom["own_metric"] = 1.0
        with _mesh(app) as mesh, _prometheus(folder, [controller.port, mesh]) as prometheus:
            yield _play(lab, app, prometheus)


def _play(lab: Lab, app: App, prometheus: Prometheus) -> Seen:
    analysis: dict[str, Any] = {"threshold": 2, "maxWeight": 50, "stepWeight": 50}
    analysis["metrics"] = [*app.canary()["spec"]["analysis"]["metrics"], OWN]
    app.deploy(analysis=analysis)
    app.until("Initialized")
    eventually(lambda: prometheus.query("flagger_canary_successes_total"))
    app.image("v2")
    app.until("Succeeded")
    eventually(lambda: prometheus.query("flagger_canary_successes_total > 0"))
    alarms = {"Succeeded": prometheus.firing()}
    lab.prometheus.success_rate = 50.0
    app.image("v3")
    app.until("Failed")
    eventually(prometheus.firing)
    alarms["Failed"] = prometheus.firing()
    lab.prometheus.success_rate = 100.0
    app.declare(analysis={**analysis, "webhooks": [GATE]})
    app.image("v4")
    eventually(lambda: prometheus.query('canary_waiting_start_time_seconds{on="approval"}'))
    exported: dict[str, list[dict[str, str]]] = {}
    for labels in prometheus.get("series", **{"match[]": '{__name__=~".+"}'}):
        exported.setdefault(labels.pop("__name__"), []).append(labels)
    return Seen(prometheus, app, alarms, exported)


@contextmanager
def _mesh(app: App) -> Iterator[int]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Mesh(app.namespace, app.name))
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _prometheus(folder: Path, ports: list[int]) -> Iterator[Prometheus]:
    targets = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "canary", "honor_labels": True, "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    log = folder / "prometheus.log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            [program("prometheus"), *flags, f"--web.listen-address={address}"], stdout=out, stderr=out
        )
        try:
            eventually(lambda: _is_ready(running, address, log))
            yield Prometheus(f"http://{address}")
        finally:
            running.kill()
            running.wait()


def _is_ready(running: subprocess.Popen[bytes], address: str, log: Path) -> bool:
    assert running.poll() is None, log.read_text()
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _asked() -> dict[str, list[str]]:
    return {**PANELS, **{name: [expr] for name, expr in ALERTS.items()}, "variables": VARIABLES}


@pytest.mark.parametrize("place", _asked())
def test_what_is_asked_for_is_exported(seen: Seen, place: str) -> None:
    """Each metric, each label by which it is selected or gathered, and a series for each value that is named."""
    for expr in _asked()[place]:
        asked = list(uses(_filled(expr, seen.app))) if place != "variables" else _asked_by_variable(expr)
        labels = SCRAPED | labels_made(expr)
        for use in asked:
            assert use.metric in seen.exported, f"nobody exports {use.metric}"
            labels |= {label for series in seen.exported[use.metric] for label in series}
            for matcher in use.matchers:
                assert _can_match(seen.exported[use.metric], matcher), f"{use.metric} has no {matcher}"
        assert labels_of_gathering(expr) <= labels


@pytest.mark.parametrize("title", PANELS)
def test_no_panel_is_empty(seen: Seen, title: str) -> None:
    for expr in PANELS[title]:
        assert seen.prometheus.query(_filled(expr, seen.app)), expr


def test_each_rollout_is_one_line_of_the_table(seen: Seen) -> None:
    for expr in PANELS["Phases"]:
        found = seen.prometheus.query(_filled(expr, seen.app))
        assert [(s["metric"]["namespace"], s["metric"]["name"]) for s in found] == [(seen.app.namespace, seen.app.name)]


def test_nobody_is_called_but_for_the_rollback(seen: Seen) -> None:
    assert seen.alarms == {"Succeeded": set(), "Failed": {"CanaryFailed"}}


def test_every_kind_of_place_is_read() -> None:
    """Else the test above would compare nothing."""
    expr = 'sum by (job) (rate(a_total{x="1,2",y=~"z{2}"}[5m])) / on (job) group_left b > time() - max(c) or vector(0)'
    assert list(uses(expr.replace("{2}", ""))) == [
        Use("a_total", (("x", "=", "1,2"), ("y", "=~", "z"))),
        Use("b"),
        Use("c"),
    ]
    assert labels_of_gathering(expr) == {"job"}
    assert labels_made('max by (n) (label_replace(m{w=~"a"}, "n", "$1", "w", "(.*)")) == 1') == {"n"}


def _asked_by_variable(query: str) -> list[Use]:
    """Of ``label_values(metric, label)``."""
    found = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", query)
    assert found is not None, query
    return [Use(found[1], ((found[2], "=~", ".+"),))]


def _can_match(series: list[dict[str, str]], matcher: tuple[str, str, str]) -> bool:
    label, operator, value = matcher
    if not any(label in labels for labels in series):
        return False
    if label in SEEN_SELDOM:
        return set(value.split("|")) <= SEEN_SELDOM[label]
    exact = operator in {"=", "!="}
    wanted = re.compile(re.escape(value) if exact else value)
    return any((wanted.fullmatch(labels.get(label, "")) is not None) for labels in series)


def _filled(query: str, app: App) -> str:
    chosen = {"$__rate_interval": "1m", "$__range": "5m", "$namespace": app.namespace, "$canary": app.name}
    for variable, value in chosen.items():
        query = query.replace(variable, value)
    return query
