"""Pods as processes: what of them shows in the cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary_lab.cluster import EmbeddedCluster
from canary_lab.cluster.crds import istio
from canary_lab.mesh.client import fetch
from canary_lab.mesh.mesh import Mesh
from laboratories.lab import Watched, eventually

pytestmark = pytest.mark.slow
NAMESPACE = "pods"


class Place(Watched):
    """A cluster whose pods run here."""

    def __init__(self, kubeconfig: Path, mesh: Mesh) -> None:
        self.kubeconfig, self.mesh = kubeconfig, mesh

    def pods(self, app: str) -> list[dict[str, Any]]:
        text = self.kubectl("get", "pods", "-n", NAMESPACE, "-l", f"app={app}", "-o", "json")
        found: list[dict[str, Any]] = json.loads(text)["items"]
        return found

    def deploy(self, name: str, **container: Any) -> None:
        labels = {"app": name}
        whole = {"name": "app", "image": "example.com/app:v1", "ports": [{"containerPort": 8080}], **container}
        self.apply(
            yaml.safe_dump_all(
                [
                    {
                        "apiVersion": "apps/v1",
                        "kind": "Deployment",
                        "metadata": {"name": name, "namespace": NAMESPACE},
                        "spec": {
                            "selector": {"matchLabels": labels},
                            "template": {"metadata": {"labels": labels}, "spec": {"containers": [whole]}},
                        },
                    },
                    {
                        "apiVersion": "v1",
                        "kind": "Service",
                        "metadata": {"name": name, "namespace": NAMESPACE},
                        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
                    },
                ]
            )
        )

    def until_ready(self, name: str) -> None:
        self.kubectl("rollout", "status", f"deployment/{name}", "-n", NAMESPACE, "--timeout=30s")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("pods")
    with EmbeddedCluster(play_pods=False) as cluster:
        kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
        with Mesh(kubeconfig, folder) as mesh:
            found = Place(kubeconfig, mesh)
            found.apply(istio())
            found.kubectl("create", "namespace", NAMESPACE)
            yield found


def _state(pod: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod["status"]["containerStatuses"][0]
    return found


def test_a_pod_runs_what_its_template_says(place: Place) -> None:
    place.deploy("said", env=[{"name": "ERROR_RATE", "value": "100%"}])
    place.until_ready("said")
    proxy = eventually(lambda: place.mesh.addresses.proxies.get(NAMESPACE))
    eventually(lambda: fetch("http://said/", proxy=proxy).status == 500)
    assert fetch("http://said/", proxy=proxy).version == "v1"
    pod = place.pods("said")[0]
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["podIP"].startswith("10.244.")
    assert _state(pod)["ready"] is True


def test_a_pod_that_crashes_is_started_again_and_never_ready(place: Place) -> None:
    place.deploy("crashing", env=[{"name": "CRASH", "value": "true"}])
    eventually(lambda: place.pods("crashing") and _state(place.pods("crashing")[0])["restartCount"] >= 2)
    pod = place.pods("crashing")[0]
    assert _state(pod)["ready"] is False
    place.kubectl("delete", "deployment", "crashing", "-n", NAMESPACE)
    eventually(lambda: place.pods("crashing") == [])


def test_a_pod_that_ends_comes_back_at_another_port(place: Place) -> None:
    place.deploy("ending")
    place.until_ready("ending")
    name = place.pods("ending")[0]["metadata"]["name"]
    before = place.mesh.addresses.pods[f"{NAMESPACE}/{name}"]["8080"]
    place.mesh.node.kill(f"{NAMESPACE}/{name}")
    eventually(lambda: _state(place.pods("ending")[0])["restartCount"] == 1)
    place.until_ready("ending")
    proxy = place.mesh.addresses.proxies[NAMESPACE]
    eventually(lambda: fetch("http://ending/", proxy=proxy).status == 200)
    assert place.mesh.addresses.pods[f"{NAMESPACE}/{name}"]["8080"] != before


def test_an_image_that_cannot_be_pulled_is_told(place: Place) -> None:
    place.deploy("unpulled", image="example.com/app:broken")
    pods = eventually(lambda: [each for each in place.pods("unpulled") if each["status"].get("containerStatuses")])
    assert _state(pods[0])["state"]["waiting"]["reason"] == "ImagePullBackOff"
    place.kubectl("delete", "deployment", "unpulled", "-n", NAMESPACE)
    eventually(lambda: place.pods("unpulled") == [])


def test_a_readiness_probe_decides(place: Place) -> None:
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    place.deploy("probed", env=[{"name": "ERROR_RATE", "value": "100%"}], readinessProbe=probe)
    pods = eventually(lambda: [each for each in place.pods("probed") if each["status"].get("phase") == "Running"])
    assert _state(pods[0])["ready"] is False
    proxy = eventually(lambda: place.mesh.addresses.proxies.get(NAMESPACE))
    assert fetch("http://probed/", proxy=proxy).status == 503


def test_replacing_all_pods_loses_no_request(place: Place) -> None:
    from canary_lab.mesh.load import Load, summary

    place.deploy("replaced")
    place.until_ready("replaced")
    proxy = eventually(lambda: place.mesh.addresses.proxies.get(NAMESPACE))
    eventually(lambda: fetch("http://replaced/", proxy=proxy).status == 200)
    with Load("http://replaced/", proxy=proxy, rate=200) as load:
        for tag in ("v2", "v3", "v4"):
            place.kubectl("set", "image", "deployment/replaced", f"app=example.com/app:{tag}", "-n", NAMESPACE)
            place.until_ready("replaced")
        eventually(lambda: load.answers[-1].version == "v4")
    found = summary(load.answers)
    assert found.failed == 0, found
    assert {tally.version for tally in found.tallies} == {"v1", "v2", "v3", "v4"}
