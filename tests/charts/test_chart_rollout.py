"""The article's rollout with nothing but what the chart gives: its flags, its environment and its rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from applications.chart_values import ARTICLE
from applications.demo_app import App
from applications.deployed import start_controller
from canary_lab.cluster import EmbeddedCluster
from laboratories.helm import CONTROLLER, Helm
from laboratories.lab import AGENT, Controller, Lab, eventually

pytestmark = pytest.mark.slow

SYSTEM = "istio-system"


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Lab]:
    """A laboratory without our definitions: the chart has to bring them."""
    with Lab(tmp_path, definitions=False) as found:
        yield found


def _installed(lab: Lab, release: str, values: dict[str, Any]) -> Controller:
    """Install the chart, and run what its Deployment says as a process here."""
    helm = Helm(lab.folder, lab.kubeconfig)
    helm(
        *("install", release, str(CONTROLLER), "--namespace", SYSTEM, "--create-namespace"),
        *("--wait", "--timeout", "60s"),
        values=values,
    )
    return start_controller(lab, release, SYSTEM)


def _refused(cluster: EmbeddedCluster) -> list[Any]:
    return [each for each in cluster.requests.matching(agent=AGENT) if each.code in {401, 403}]


def test_the_articles_rollout_passes(bare: Lab) -> None:
    running = _installed(bare, "flagger", ARTICLE)
    app = App(bare, "canary-demo")
    app.deploy()
    app.until("Initialized")
    app.image("v2")
    app.until("Succeeded")
    assert app.weights() == [100, 0]
    eventually(lambda: app.replicas() == 0)
    weights = [event.rpartition(" ")[2] for event in app.events() if "canary weight" in event]
    assert weights == ["10", "20", "30", "40", "50"]
    primary = bare.get("deployment", f"{app.name}-primary", app.namespace)
    assert primary is not None
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/app:v2"
    assert "objectset.rio.cattle.io/hash" not in primary["metadata"]["labels"]
    lease = bare.get("lease", "flagger-leader-election", SYSTEM)
    assert lease is not None
    assert lease["spec"]["holderIdentity"]
    assert running.terminate() == 0
    assert _refused(bare.cluster) == []


def test_in_one_namespace_it_passes_with_rights_there_alone(bare: Lab) -> None:
    app, other = App(bare, "canary-demo"), App(bare, "elsewhere")
    bare.kubectl("create", "namespace", app.namespace)
    # Our Prometheus takes anything that is sent to it for a query; events hold none, so that one is empty.
    running = _installed(bare, "canary", {"namespace": app.namespace, "eventWebhook": bare.prometheus.url})
    other.deploy()
    app.deploy(analysis={"stepWeight": 50, "maxWeight": 50})
    app.until("Initialized")
    app.image("v2")
    app.until("Succeeded")
    assert bare.get("lease", "flagger-leader-election", app.namespace) is not None
    assert bare.status(other.name, other.namespace)["phase"] == ""  # nobody has seen it
    assert running.terminate() == 0
    assert "" in bare.prometheus.queries
    assert _refused(bare.cluster) == []
    bound = bare.kubectl("get", "clusterrolebindings", "-o", "name")
    assert "cluster-admin" in bound
    assert "canary" not in bound
