"""The page that the controller serves: everybody with their own rights, and at no cost while nobody looks."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from applications.demo_app import App
from laboratories.dashboard_room import open_stream, until
from laboratories.lab import CANARY, Lab, eventually
from peers.http_peers import free_port

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples" / "controller"
AGENT = "canary-dashboard"


@pytest.fixture(scope="module")
def url(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a controller that has the rights of the examples, and no other."""
    for name in ("rbac.yaml", "live-page.yaml"):
        lab.apply((EXAMPLES / name).read_text())
    token = lab.kubectl("create", "token", "canary-controller", "-n", "canary-system").strip()
    own, port = lab.of_token(token, tmp_path_factory.mktemp("controller") / "kubeconfig"), free_port()
    with lab.controller(f"-kubeconfig={own}", f"-dashboard-port={port}", "-dashboard-verbs"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def deployed(url: str, app: App) -> None:
    app.deploy(analysis={"stepWeight": 1, "maxWeight": 50})
    app.until("Initialized")


def somebody(app: App, name: str, *verbs: str, everywhere: bool = False) -> str:
    """A token of somebody who may do something with canaries in the namespace, or in all."""
    app.kubectl("create", "serviceaccount", name)
    if verbs:
        kind, place = ("clusterrole", ()) if everywhere else ("role", ("-n", app.namespace))
        role = f"{name}-{app.namespace}"
        of = ("--resource=canaries.flagger.app", f"--verb={','.join(verbs)}")
        app.lab.kubectl("create", kind, role, *of, *place)
        who = f"--serviceaccount={app.namespace}:{name}"
        app.lab.kubectl("create", f"{kind}binding", role, f"--{kind}={role}", who, *place)
    return app.kubectl("create", "token", name).strip()


def ask(url: str, token: str, path: str, method: str = "GET") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return requests.request(method, f"{url}{path}", data="{}", headers=headers, timeout=40, stream=True)


def test_everybody_sees_and_does_what_they_may(url: str, app: App) -> None:
    path, others = f"/api/canaries/{app.namespace}/{app.name}", "/api/canaries/kube-system/any"
    nobody, ann = somebody(app, "nobody"), somebody(app, "ann", "get", "list")
    bob, eve = somebody(app, "bob", "get", "list", "patch"), somebody(app, "eve", "list", everywhere=True)
    assert ask(url, "made-up", path).status_code == 401
    assert ask(url, nobody, path).status_code == 403
    for token, may in ((ann, False), (bob, True)):
        assert ask(url, token, "/api/events").status_code == 403
        assert ask(url, token, others).status_code == 403
        found = ask(url, token, path).json()
        assert (found["name"], found["may"]) == (app.name, may)
        assert found["events"] == [], "events are another right"
    with open_stream(url, eve) as events:
        assert app.namespace in {each["namespace"] for each in until(events, "canaries")}
    app.image("v2")
    app.until("Progressing")
    assert ask(url, ann, f"{path}/abort", "POST").status_code == 403
    assert ask(url, eve, f"{path}/abort", "POST").status_code == 403
    answer = ask(url, bob, f"{path}/abort", "POST").json()
    assert answer == {"code": 0, "text": f"canary.flagger.app/{app.name}: abort accepted (phase Failed)"}
    written = app.lab.cluster.requests.matching(agent=AGENT, verb="patch")
    assert {each.user for each in written} == {f"system:serviceaccount:{app.namespace}:bob"}


def test_a_withdrawn_right_ends_soon(url: str, app: App) -> None:
    ann = somebody(app, "ann", "list")
    path = f"/api/canaries/{app.namespace}/{app.name}"
    assert ask(url, ann, path).status_code == 200
    app.kubectl("delete", "serviceaccount", "ann")
    eventually(lambda: ask(url, ann, path).status_code == 401, pause_s=0.5)


def test_nobody_looks_and_nothing_is_asked(url: str, app: App) -> None:
    ann = somebody(app, "ann", "get", "list")
    with open_stream(url, ann, app.namespace) as events:
        until(events, "whole")
        asked = app.lab.cluster.requests.matching(agent=AGENT)
        app.image("v2")
        app.until("Progressing")
        until(events, "canaries")
        assert app.lab.cluster.requests.matching(agent=AGENT) == asked, "changes come from the caches"
    before = len(app.lab.cluster.requests.matching(agent=AGENT))
    time.sleep(2)
    assert len(app.lab.cluster.requests.matching(agent=AGENT)) == before


def test_without_the_flag_there_is_no_page(lab: Lab, url: str) -> None:
    with lab.controller() as plain:
        assert requests.get(f"http://127.0.0.1:{plain.port}/", timeout=5).status_code == 404


def test_a_port_that_is_taken_is_one_line(lab: Lab, url: str) -> None:
    taken = url.rpartition(":")[2]
    command = [CANARY, "controller", f"-kubeconfig={lab.kubeconfig}", "-port=0", f"-dashboard-port={taken}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert f"--dashboard-port: {taken}: Address already in use" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
