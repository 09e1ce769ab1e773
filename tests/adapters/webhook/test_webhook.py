"""Webhooks, alerts and metrics of our own: payloads, rules, and what happens when nobody is there."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from attrs import define, field

from applications.declared import canary_of, raw_canary
from canary_adapters.background import Background
from canary_adapters.manifests import AlertProvider, read_object
from canary_adapters.notify import AlertNotifier, Receiver
from canary_adapters.telemetry import LogNotifier, Telemetry, TelemetryNotifier, configure_logging
from canary_adapters.webhook import EventWebhook, HttpPool, WebhookHooks
from canary_adapters.webhook.http import Answer
from canary_core import (
    Approved,
    Check,
    CheckKind,
    HookQuestion,
    HookType,
    Phase,
    Policy,
    Progressive,
    Refused,
    Rollout,
    Sample,
    Traffic,
    Unreachable,
)
from canary_core import notices as n
from canary_core.messages import Names
from canary_core.verdict import Verdict
from canary_ports import Hooks
from canary_sims.harness.contracts import HooksContract

NAMES = Names(canary="app", namespace="here", target="app")
ROLLOUT = Rollout(phase=Phase.PROGRESSING, applied="v1:2", traffic=Traffic(canary_weight=10))


class Receiving:
    """Takes what is posted, and answers as told."""

    def __init__(self) -> None:
        self.status, self.body = 200, b""
        self.headers: dict[str, str] = {}
        self.fails = 0
        """So many answers are 503 first."""
        self.taken: list[tuple[str, dict[str, str], Any]] = []
        receiving = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiving.taken.append((self.path, dict(self.headers), json.loads(body)))
                receiving.fails -= 1
                self.send_response(503 if receiving.fails >= 0 else receiving.status)
                for key, value in receiving.headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(receiving.body)))
                self.end_headers()
                self.wfile.write(receiving.body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.is_down = False

    def stop(self) -> None:
        if not self.is_down:
            self.is_down = True
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


@pytest.fixture
def receiving() -> Iterator[Receiving]:
    found = Receiving()
    yield found
    found.stop()


@define
class Door:
    """A receiver, and hooks that call it."""

    receiving: Receiving
    spec: dict[str, Any] = field(factory=dict)
    listening: dict[str, Any] = field(factory=dict)
    hook: str = "gate"
    listener: str = "listener"
    background: Background = field(factory=Background)
    hooks: Hooks = field(init=False)

    def __attrs_post_init__(self) -> None:
        url = f"{self.receiving.url}/x"
        gate = {"name": "gate", "type": "confirm-rollout", "url": url, "timeout": "2s", "metadata": {"a": "b"}}
        listener = {"name": "listener", "type": "event", "url": url, "timeout": "2s"}
        webhooks = [{**gate, **self.spec}, {**listener, **self.listening}]
        analysis = {"interval": "1m", "threshold": 1, "stepWeight": 10, "webhooks": webhooks}
        raw = raw_canary("here", analysis=analysis)
        self.hooks = WebhookHooks(
            canary_of(raw),
            names=NAMES,
            rollout=lambda: ROLLOUT,
            pool=HttpPool(),
            background=self.background,
            now_s=lambda: 12.5,
        )

    def says(self, *, yes: bool) -> None:
        self.receiving.status = 200 if yes else 403

    def is_down(self) -> None:
        self.receiving.stop()

    def _count(self, what: str) -> int:
        self.background.close(5)
        self.background = Background()
        self.hooks._background = self.background  # type: ignore[attr-defined]
        return sum(
            (("eventMessage" in (body.get("metadata") or {})) is (what == "told"))
            for _, _, body in self.receiving.taken
        )

    def asked(self) -> int:
        return self._count("asked")

    def told(self) -> int:
        return self._count("told")


class TestWebhooks(HooksContract):
    """Over HTTP."""

    @pytest.fixture(autouse=True)
    def _receiving(self, receiving: Receiving) -> None:
        self.receiving = receiving

    def door(self) -> Door:
        return Door(self.receiving)


QUESTION = HookQuestion(hook="gate", phase=Phase.PROGRESSING, revision="v1:2", step="10", attempt=1)


def test_the_payload_is_flaggers(receiving: Receiving) -> None:
    door = Door(receiving)
    for _ in range(2):
        assert door.hooks.ask(QUESTION) == Approved()
    (path, first, body), (_, second, _) = receiving.taken
    assert (path, first["Content-Type"]) == ("/x", "application/json")
    assert body == {
        "name": "app",
        "namespace": "here",
        "phase": "Progressing",
        "checksum": "v1:2",
        "metadata": {"a": "b"},
    }
    assert first["Idempotency-Key"] == second["Idempotency-Key"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Approved()),
        (202, Approved()),
        (204, Approved()),
        (400, Refused(message="because")),
        (403, Refused(message="because")),
        (404, Refused(message="because")),
        (500, Unreachable(message="because")),
        (501, Unreachable(message="because")),
        (503, Unreachable(message="because")),
    ],
)
def test_the_status_is_the_answer_and_the_body_the_reason(receiving: Receiving, status: int, expected: Any) -> None:
    """Of a failed test the reason used to get lost (12.1 #13)."""
    receiving.status, receiving.body = status, b"" if status == 204 else b"because"
    assert Door(receiving).hooks.ask(QUESTION) == expected


def test_a_long_reason_is_cut(receiving: Receiving) -> None:
    receiving.status, receiving.body = 400, b"x" * 200_000
    found = Door(receiving).hooks.ask(QUESTION)
    assert isinstance(found, Refused)
    assert len(found.message) == 512


@pytest.mark.parametrize(("fails", "retries", "calls"), [(1, 1, 2), (1, 0, 1)])
def test_another_attempt_is_made_as_often_as_declared(
    receiving: Receiving, fails: int, retries: int, calls: int
) -> None:
    receiving.fails, receiving.headers = fails, {"Retry-After": "0"}
    found = Door(receiving, {"retries": retries}).hooks.ask(QUESTION)
    assert len(receiving.taken) == calls
    assert found == (Approved() if retries else Unreachable(message="status 503"))


def test_what_never_helps_is_not_repeated(receiving: Receiving) -> None:
    receiving.status = 501
    Door(receiving, {"retries": 3}).hooks.ask(QUESTION)
    assert len(receiving.taken) == 1


def test_an_event_is_told_in_flaggers_words(receiving: Receiving) -> None:
    door = Door(receiving)
    door.hooks.tell("listener", n.WeightAdvanced(weight=10))
    door.background.close(5)
    assert receiving.taken[0][2] == {
        "name": "app",
        "namespace": "here",
        "phase": "Progressing",
        "checksum": "v1:2",
        "metadata": {
            "eventMessage": "Advance app.here canary weight 10",
            "eventType": "Normal",
            "timestamp": "12500",
        },
    }


def test_who_is_only_told_has_a_minute_at_most(receiving: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others wait for their turn. Whoever is asked has the time that is declared."""
    given: list[float] = []
    post = HttpPool.post

    def noting(pool: HttpPool, url: str, body: object, *, timeout_s: float, **how: Any) -> Answer:
        given.append(timeout_s)
        return post(pool, url, body, timeout_s=timeout_s, **how)

    monkeypatch.setattr(HttpPool, "post", noting)
    door = Door(receiving, {"timeout": "90m"}, {"timeout": "90m"})
    door.hooks.ask(QUESTION)
    door.hooks.tell("listener", n.WeightAdvanced(weight=10))
    door.background.close(5)
    assert given == [5400.0, 60.0]


def test_the_global_address_is_told_of_events(receiving: Receiving) -> None:
    background = Background()
    hook = EventWebhook(receiving.url, names=NAMES, pool=HttpPool(), background=background)
    for weight in range(5):
        hook.tell(n.WeightAdvanced(weight=weight), ROLLOUT)
    background.close(5)
    said = [body["metadata"]["eventMessage"] for _, _, body in receiving.taken]
    assert said == [f"Advance app.here canary weight {weight}" for weight in range(5)]


# -- Alerts ---------------------------------------------------------------------------------------------------------

FAILED = n.ThresholdReached(verdict=Verdict.FAIL, count=3, threshold=3)


def _provider(kind: str, url: str, **spec: Any) -> AlertProvider:
    raw = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "AlertProvider",
        "metadata": {"name": kind, "namespace": "here"},
        "spec": {"type": kind, **({"address": url} if "secretRef" not in spec else {}), **spec},
    }
    return read_object(raw).alert_providers[0]


def _alerts(receiving: Receiving, provider: AlertProvider | None, *entries: dict[str, Any], **more: Any) -> None:
    background = Background()
    analysis = {"interval": "1m", "threshold": 3, "stepWeight": 10, "maxWeight": 50, "alerts": list(entries)}
    wiring: dict[str, Any] = {"secrets": lambda *_: None, "everybody": (), "cluster_name": "prod", **more}
    notifier = AlertNotifier(
        canary_of(raw_canary("here", analysis=analysis)),
        names=NAMES,
        providers=lambda *_: provider,
        pool=HttpPool(),
        background=background,
        **wiring,
    )
    for notice in (n.Initialized(), n.ApprovalAwaited(hook="g", type=HookType.CONFIRM_ROLLOUT), FAILED):
        notifier.tell(notice, ROLLOUT)
    background.close(5)


@pytest.mark.parametrize(("severity", "count"), [("", 3), ("info", 3), ("warn", 2), ("error", 1)])
def test_severities_are_filtered_and_none_means_all(receiving: Receiving, severity: str, count: int) -> None:
    """Flagger never sends an alert without a severity (12.1 #10)."""
    entry = {"name": "a", "providerRef": {"name": "slack"}, "severity": severity}
    _alerts(receiving, _provider("slack", receiving.url), entry)
    assert len(receiving.taken) == count


def test_a_slack_message_is_this(receiving: Receiving) -> None:
    entry = {"name": "a", "providerRef": {"name": "slack"}}
    secret = {"address": receiving.url.encode(), "token": b"hush"}
    provider = _provider("slack", "", secretRef={"name": "s"}, channel="ops")
    _alerts(receiving, provider, entry, secrets=lambda *_: secret)
    _, headers, first = receiving.taken[0]
    assert headers["Authorization"] == "Bearer hush"
    fields = {
        "Cluster": "prod",
        "Target": "Deployment/app.here",
        "Failed checks threshold": "3",
        "Progress deadline": "600s",
        "Traffic routing": "Weight step: 10 max: 50",
    }
    assert first == {
        "channel": "ops",
        "username": "flagger",
        "icon_url": "",
        "icon_emoji": ":rocket:",
        "attachments": [
            {
                "color": "good",
                "author_name": "app.here",
                "text": "New Deployment detected, initialization completed.",
                "mrkdwn_in": ["text"],
                "fields": [{"title": key, "value": value, "short": False} for key, value in fields.items()],
            }
        ],
    }
    assert receiving.taken[2][2]["attachments"][0]["color"] == "danger"


def test_everybody_is_told_only_of_canaries_without_alerts_of_their_own(receiving: Receiving) -> None:
    everybody = (Receiver(type="msteams", address=receiving.url),)
    _alerts(receiving, None, everybody=everybody)
    assert [body["themeColor"] for _, _, body in receiving.taken] == ["0076D7", "0076D7", "FF0000"]
    receiving.taken.clear()
    _alerts(receiving, None, {"name": "a", "providerRef": {"name": "gone"}}, everybody=everybody)
    assert receiving.taken == []


# -- Telemetry ------------------------------------------------------------------------------------------------------

POLICY = Policy(strategy=Progressive(weights=(10,)))


def test_metrics_have_flaggers_names_and_go_with_the_canary() -> None:
    telemetry = Telemetry(version="1", mesh_provider="istio")
    notifier = TelemetryNotifier(telemetry, NAMES, POLICY)
    get = telemetry.registry.get_sample_value
    at, workload = {"name": "app", "namespace": "here"}, {"workload": "app-primary", "namespace": "here"}
    notifier.tell(n.WeightAdvanced(weight=10), ROLLOUT)
    telemetry.measured(NAMES, Check(id="d", kind=CheckKind.DURATION), Sample(value=250.0))
    telemetry.analysed(NAMES, 0.2)
    telemetry.total("here", 2)
    telemetry.total("there", 1)
    assert get("flagger_info", {"version": "1", "mesh_provider": "istio"}) == 1
    assert get("flagger_canary_status", at) == 0
    assert get("flagger_canary_weight", workload) == 90
    assert get("flagger_canary_metric_analysis", {**at, "metric": "d"}) == 0.25
    assert get("flagger_canary_duration_seconds_count", at) == 1
    assert get("flagger_canary_total", {"namespace": "here"}) == 2
    notifier.tell(n.Promoted(), Rollout(phase=Phase.SUCCEEDED))
    notifier.tell(n.RolledBack(), Rollout(phase=Phase.FAILED))
    ends = {**at, "deployment_strategy": "canary", "analysis_status": "completed"}
    assert get("flagger_canary_successes_total", ends) == 1
    assert get("flagger_canary_failures_total", ends) == 1
    assert get("flagger_canary_status", at) == 2
    telemetry.forget(NAMES)
    telemetry.forget(NAMES)
    telemetry.total("there", 0)
    for name, labels in (
        ("flagger_canary_status", at),
        ("flagger_canary_weight", workload),
        ("flagger_canary_successes_total", ends),
    ):
        assert get(name, labels) is None
    assert get("flagger_canary_total", {"namespace": "there"}) is None


def test_logs_are_json_and_hold_no_secret() -> None:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:]
    configure_logging("info", stream=stream)
    try:
        LogNotifier(NAMES).tell(n.WeightAdvanced(weight=10), ROLLOUT)
        structlog.get_logger().warning("sent", token="hush", webhook_url="http://x/hush")  # noqa: S106
        structlog.get_logger().debug("not this")
        logging.getLogger("aiohttp").warning("theirs")
        logging.getLogger("urllib3.connectionpool").warning("Retrying after connection broken: /services/hush")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = before
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["msg"] for line in lines] == ["Advance app.here canary weight 10", "sent", "theirs"]
    assert {key: lines[0][key] for key in ("canary", "namespace", "phase", "reason", "revision", "level")} == {
        "canary": "app.here",
        "namespace": "here",
        "phase": "Progressing",
        "reason": "WeightAdvanced",
        "revision": "v1:2",
        "level": "info",
    }
    assert "hush" not in stream.getvalue()
