"""No secret is written anywhere: each is planted with a mark, and all output of all processes is searched for it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from applications.demo_app import App
from laboratories.lab import CANARY, Controller, Lab, eventually
from peers.raw_server import Answering, Asked, RawServer, answer

pytestmark = pytest.mark.slow

MARK = "s3cr3t-bird"


def planted(where: str) -> str:
    """A secret that says where it was put."""
    return f"{MARK}-{where}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The laboratory."""
    with Lab(tmp_path_factory.mktemp("security")) as found:
        yield found


def _secret(name: str, namespace: str, **data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}


def _objects(namespace: str, url: str) -> list[dict[str, Any]]:
    """A template and receivers whose credentials are secrets, each also one that fails."""

    def ours(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        metadata = {"name": name, "namespace": namespace}
        return {"apiVersion": "flagger.app/v1beta1", "kind": kind, "metadata": metadata, "spec": spec}

    provider = {
        "type": "prometheus",
        "address": f"{url}/echo",
        "secretRef": {"name": "metrics"},
        "headers": {"X-Key": [planted("header")]},
    }
    return [
        _secret("metrics", namespace, token=planted("metrics-token")),
        _secret("slack", namespace, address=f"{url}/{planted('slack-address')}", token=planted("slack-token")),
        _secret("nowhere", namespace, address=f"gopher://{planted('bad-address')}/"),
        _secret("app", namespace, password=planted("app")),
        ours("MetricTemplate", "own", {"provider": provider, "query": "up"}),
        ours("AlertProvider", "slack", {"type": "slack", "secretRef": {"name": "slack"}}),
        ours("AlertProvider", "nowhere", {"type": "discord", "secretRef": {"name": "nowhere"}}),
        ours("AlertProvider", "plain", {"type": "rocket", "address": f"{url}/{planted('plain-address')}"}),
    ]


def _analysis(url: str) -> dict[str, Any]:
    def hook(name: str, kind: str, path: str, **more: Any) -> dict[str, Any]:
        secret = {"token": planted("hook-metadata")}
        return {"name": name, "type": kind, "url": f"{url}/{path}", "timeout": "2s", "metadata": secret, **more}

    closed = "http://user:{}@127.0.0.1:1/{}?key={}"
    return {
        "stepWeight": 50,
        "maxWeight": 50,
        "threshold": 2,
        "metrics": [{"name": "own", "interval": "1m", "thresholdRange": {"min": 1}, "templateRef": {"name": "own"}}],
        "webhooks": [
            hook("events", "event", f"{planted('event-hook')}/500", retries=1),
            hook("load", "rollout", f"{planted('load-hook')}/500", retries=1),
            hook("nobody", "event", "", retries=1)
            | {"url": closed.format(planted("user"), planted("path"), planted("query"))},
        ],
        "alerts": [
            {"name": name, "severity": "info", "providerRef": {"name": name}} for name in ("slack", "nowhere", "plain")
        ],
    }


def _script(asked: Asked, to: Answering) -> None:
    """Repeats to the templates what it was sent, as a debugging proxy would, and fails for hooks."""
    if asked.target.startswith("/echo"):
        to.send(answer(json.dumps(asked.headers).encode(), status=403))
    else:
        to.send(answer(b"no", status=500 if asked.target.endswith("/500") else 200))


def test_no_secret_is_in_any_output(lab: Lab, tmp_path: Path) -> None:
    app = App(lab, "secrets")
    lab.kubectl("create", "namespace", app.namespace)
    lab.kubectl("create", "serviceaccount", "runner", "-n", "default")
    lab.kubectl(
        "create", "clusterrolebinding", "runner", "--clusterrole=cluster-admin", "--serviceaccount=default:runner"
    )
    token = lab.kubectl("create", "token", "runner", "-n", "default").strip()
    with RawServer(_script) as server:
        lab.apply(yaml.safe_dump_all(_objects(app.namespace, server.url)))
        environment = {
            "SLACK_URL": f"{server.url}/{planted('env-slack')}",
            "SLACK_TOKEN": planted("env-slack-token"),
            "EVENT_WEBHOOK_URL": f"{server.url}/{planted('env-event')}/500",
            "HTTPS_PROXY": f"http://user:{planted('proxy')}@127.0.0.1:1",
            "ANY_PASSWORD": planted("env"),
        }
        kubeconfig = lab.cluster.kubeconfig(tmp_path / "kubeconfig", token=token)
        running = _started(lab, kubeconfig, environment)
        app.deploy(analysis=_analysis(server.url))
        plain = App(lab, "plain")
        plain.deploy(analysis={"stepWeight": 50, "maxWeight": 50})
        container = '{"name":"app","envFrom":[{"secretRef":{"name":"app"}}]}'
        app.until("Initialized")
        plain.until("Initialized")
        app.kubectl("patch", "deployment", app.name, "-p", _patch(container))
        plain.image("v2")
        app.until("Failed")
        plain.until("Succeeded")
        paths = {each.target for each in server.asked}
        eventually(lambda: any("slack-address" in each.target for each in server.asked))
        eventually(lambda: any("env-event" in each.target for each in server.asked))
        metrics = requests.get(f"http://127.0.0.1:{running.port}/metrics", timeout=10).text
        assert running.terminate() == 0
        told = {
            "log": running.text(),
            "metrics": metrics,
            "events": lab.kubectl("get", "events", "-A", "-o", "json"),
            "statuses": json.dumps([lab.status(each.name, each.namespace) for each in (app, plain)]),
            "routes": lab.kubectl("get", "virtualservices.networking.istio.io", "-A", "-o", "json"),
            "config maps": lab.kubectl("get", "configmaps", "-A", "-o", "json"),
        }
        assert any("echo" in path for path in paths)
        assert any("load-hook" in path for path in paths)
    for where, text in told.items():
        at = text.find(MARK)
        assert at < 0, (where, text[max(0, at - 300) : at + 60])
        assert token not in text, where
    assert "403" in told["log"]  # what failed was told, without what was secret in it
    assert '"an alert was not received"' in told["log"]


def _patch(container: str) -> str:
    return f'{{"spec":{{"template":{{"spec":{{"containers":[{container}]}}}}}}}}'


def _started(lab: Lab, kubeconfig: Path, environment: dict[str, str]) -> Controller:
    before = {key: os.environ.get(key) for key in environment}
    os.environ |= environment
    try:
        return lab.start(kubeconfig=kubeconfig)
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})


@pytest.mark.parametrize(
    "text",
    [
        f'users:\n- name: a\n  user: {{token: "{MARK}\n x: [',
        f"apiVersion: v1\nkind: Config\ncurrent-context: {{a: [{MARK}",
        f"[{MARK}]",
        f"users: [{{name: a, user: {{token: {MARK}}}}}]",
        f"\x00{MARK}",
    ],
)
def test_a_kubeconfig_that_cannot_be_read_is_told_on_one_line_without_what_stands_in_it(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    command = [CANARY, "controller", f"-kubeconfig={path}", "-port=0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert MARK not in done.stderr + done.stdout
    assert len(done.stderr.splitlines()) == 1


def test_a_load_tester_writes_no_secret(tmp_path: Path) -> None:
    log = tmp_path / "log"
    os.environ["LOAD_PASSWORD"] = planted("load-env")
    try:
        running = Controller([CANARY, "loadtester", "-port=0", "-log-level=debug"], log)
    finally:
        del os.environ["LOAD_PASSWORD"]
    running.wait_ready()
    where = f"http://127.0.0.1:{running.port}/{planted('load-path')}"
    for command in (f"hey -H 'Authorization: {MARK}' http://127.0.0.1:1/", f"bash -c {MARK}", f"rm {MARK}", "hey 'x"):
        body = {"name": "a", "namespace": "b", "metadata": {"type": "cmd", "cmd": command, "password": MARK}}
        requests.post(where, json=body, headers={"Authorization": planted("load-header")}, timeout=10)
    metrics = requests.get(f"http://127.0.0.1:{running.port}/metrics", timeout=10).text
    assert running.terminate() == 0
    assert "listening" in running.text()
    assert MARK not in running.text() + metrics
