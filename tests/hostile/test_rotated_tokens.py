"""The token of the account is replaced under a running process, and the old one ends: soon, or too early."""

from __future__ import annotations

from pathlib import Path

import pytest

from applications.demo_app import App
from applications.many_apps import image_of_primary
from laboratories.lab import AGENT, Controller, Lab, eventually
from laboratories.pod import Pod

pytestmark = pytest.mark.slow

LEADING = ("-enable-leader-election", "-leader-election-namespace=default", "-lease-duration=3s")
WATCHED = 10
"""Kinds; each has a watch."""


def _refused(lab: Lab) -> int:
    return lab.cluster.requests.count(agent=AGENT, code="401")


def _on_the_way(lab: Lab, app: App) -> None:
    """A rollout that has begun and has most of it before it."""
    app.deploy(analysis={"stepWeight": 10, "maxWeight": 50})
    app.until("Initialized")
    app.image("v2")
    eventually(lambda: lab.status(app.name, app.namespace)["canaryWeight"] >= 10)


def _promoted(app: App, running: Controller) -> None:
    app.until("Succeeded")
    assert image_of_primary(app) == "v2"
    assert app.weights() == [100, 0]
    assert "Traceback" not in running.text()
    assert running.terminate() == 0


def test_a_token_that_was_replaced_is_not_used_any_more(lab: Lab, app: App, tmp_path: Path) -> None:
    """Watches that are open go on, as with a real server; whatever is asked anew shows the new token."""
    with Pod(lab, tmp_path, "replaced") as pod:
        running = pod.start(*LEADING)
        _on_the_way(lab, app)
        pod.project(pod.new_token())
        lab.cluster.requests.clear()
        pod.revoke(pod.token)
        lab.cluster.end_watches()
        eventually(lambda: lab.cluster.requests.count(user=pod.user, verb="watch") >= WATCHED)
        eventually(lambda: lab.cluster.requests.count(user=pod.user, resource="leases", verb="update") >= 2)
        _promoted(app, running)
        assert _refused(lab) <= 3, "what was on its way"


def test_a_time_of_refusals_is_outlasted(lab: Lab, app: App, tmp_path: Path) -> None:
    """The successor comes late: what is refused is asked less and less often, and then the rollout goes on."""
    with Pod(lab, tmp_path, "late") as pod:
        running = pod.start()
        _on_the_way(lab, app)
        lab.cluster.requests.clear()
        pod.revoke(pod.token)
        lab.cluster.end_watches()
        eventually(lambda: running.text().count("the tick could not be ended") >= 4)
        eventually(lambda: lab.cluster.requests.count(agent=AGENT, code="401", verb="watch") >= 2 * WATCHED)
        assert _refused(lab) <= 10 * WATCHED, "no storm"
        assert running.process.poll() is None
        pod.project(pod.new_token())
        eventually(lambda: lab.cluster.requests.count(user=pod.user, verb="watch") >= WATCHED)
        _promoted(app, running)


def test_a_token_file_of_a_kubeconfig_is_read_again(lab: Lab, app: App, tmp_path: Path) -> None:
    """Outside of a cluster, as client-go has it."""
    with Pod(lab, tmp_path, "outside") as pod:
        config = lab.cluster.kubeconfig(tmp_path / "kubeconfig", token="is overridden by the file")  # noqa: S106
        config.write_text(config.read_text().replace("token: is overridden by the file", "tokenFile: token"))
        running = lab.start(kubeconfig=config)
        _on_the_way(lab, app)
        pod.project(pod.new_token())
        pod.revoke(pod.token)
        lab.cluster.end_watches()
        _promoted(app, running)
