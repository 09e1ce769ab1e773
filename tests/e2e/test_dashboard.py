"""``canary dashboard`` beside a rollout: what it prints, serves and asks for, and whom it serves."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from applications.demo_app import App
from laboratories.dashboard_room import open_stream, until
from laboratories.lab import CANARY, Lab, eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def running(lab: Lab) -> Iterator[None]:
    with lab.controller():
        yield


@contextmanager
def served(app: App, *options: str) -> Iterator[tuple[str, str]]:
    """Where it listens, and its key."""
    command = [CANARY, "dashboard", "-n", app.namespace, f"--kubeconfig={app.lab.kubeconfig}", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/#key=([\w-]{32})\n", line)
        assert found is not None, (line, process.stderr and process.stderr.read())
        try:
            yield found[1], found[2]
        finally:
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=20)
        assert (process.returncode, complaints) == (0, "")


def test_a_rollout_is_followed_aborted_and_retried(app: App) -> None:
    app.deploy(analysis={"stepWeight": 1, "maxWeight": 50})
    app.until("Initialized")
    with served(app, "--verbs") as (url, key), open_stream(url, key) as events:
        (first,) = until(events, "canaries")
        assert (first["name"], first["phase"], first["health"]) == (app.name, "Initialized", "Ready")
        app.image("v2")
        _until_phase(events, "Progressing")
        found = eventually(lambda: _of(app, url, key, weight=2))
        assert found["workloads"]["canary"]["images"] == "example.com/app:v2"
        assert [each["weight"] for each in found["seen"]][:3] == [0, 1, 2]
        assert found["outlook"]["at_best"]["ends"] == "Succeeded"
        assert any("Starting canary analysis" in each["text"] for each in found["events"])
        full = f"canary.flagger.app/{app.name}"
        assert _ask(app, url, key, "abort") == {"code": 0, "text": f"{full}: abort accepted (phase Failed)"}
        _until_phase(events, "Failed")
        refused = _ask(app, url, key, "abort")
        assert refused["code"] == 1
        assert refused["text"].startswith(f"{full}: abort refused: the phase is Failed")
        assert _ask(app, url, key, "retry")["code"] == 0
        _until_phase(events, "Progressing")
    assert "retry/" in app.lab.kubectl("get", "canary", app.name, "-n", app.namespace, "-o", "yaml")


def test_without_the_key_or_by_another_name_it_shows_nothing(app: App) -> None:
    app.deploy()
    with served(app) as (url, key):
        path = f"{url}/api/canaries/{app.namespace}/{app.name}"
        with_key = {"Authorization": f"Bearer {key}"}
        assert eventually(lambda: requests.get(path, headers=with_key, timeout=5).status_code == 200)
        assert requests.get(path, timeout=5).status_code == 401
        assert requests.get(path, headers={"Authorization": "Bearer x"}, timeout=5).status_code == 401
        assert requests.get(path, headers={**with_key, "Host": "rebound.example"}, timeout=5).status_code == 403
        head = {**with_key, "Content-Type": "application/json"}
        assert requests.post(f"{path}/abort", "{}", headers=head, timeout=5).status_code == 403, "read-only"


def test_what_cannot_be_served_is_one_line(app: App) -> None:
    app.deploy(canary=False)
    with served(app) as (url, _):
        taken = url.rpartition(":")[2]
        command = [CANARY, "dashboard", f"--port={taken}", f"--kubeconfig={app.lab.kubeconfig}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def _until_phase(events: Iterator[tuple[str, object]], phase: str) -> None:
    while all(each["phase"] != phase for each in until(events, "canaries")):
        pass


def _of(app: App, url: str, key: str, *, weight: int) -> dict[str, Any] | None:
    headers = {"Authorization": f"Bearer {key}"}
    address = f"{url}/api/canaries/{app.namespace}/{app.name}"
    found: dict[str, Any] = requests.get(address, headers=headers, timeout=10).json()
    return found if found["weight"] >= weight else None


def _ask(app: App, url: str, key: str, verb: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    address = f"{url}/api/canaries/{app.namespace}/{app.name}/{verb}"
    answer: dict[str, Any] = requests.post(address, "{}", headers=headers, timeout=30).json()
    return answer
