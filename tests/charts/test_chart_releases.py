"""A real helm installs, upgrades, rolls back and uninstalls the charts; definitions and canaries outlive them."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from applications.chart_values import EVERYTHING, LOAD
from applications.demo_app import article_canary
from canary_adapters.kubernetes.crds import definitions
from canary_adapters.loadtester.gate_tokens import GateTokens
from canary_lab.cluster import EmbeddedCluster, Timing
from canary_lab.cluster.crds import istio
from laboratories.helm import CONTROLLER, LOADTESTER, Helm, HelmError, kubectl

pytestmark = pytest.mark.slow

OTHERS = Path(__file__).parent / "others.yaml"
WAIT = ("--wait", "--timeout", "60s")


class Cluster:
    """An empty cluster, with helm and kubectl for it."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self.helm, self._kubeconfig = Helm(folder, kubeconfig), kubeconfig

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Run kubectl."""
        return kubectl(self._kubeconfig, *args, stdin=stdin)

    def get(self, *args: str) -> Any:
        """Objects as JSON."""
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def names(self, kind: str, namespace: str) -> list[str]:
        """Names of all objects of a kind."""
        return [item["metadata"]["name"] for item in self.get(kind, "-n", namespace)["items"]]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with Istio and the Prometheus operator, and without our definitions."""
    with EmbeddedCluster(timing=Timing(start=0.02, stop=0.02)) as cluster:
        found = Cluster(tmp_path, cluster.kubeconfig(tmp_path / "kubeconfig"))
        found.kubectl("apply", "-f", "-", stdin=istio() + OTHERS.read_text())
        yield found


def _schema(fresh: Cluster, name: str) -> Any:
    (version,) = fresh.get("crd", name)["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def _older(folder: Path) -> Path:
    """The chart as it was when nobody knew of ``suspend``."""
    chart = folder / "older"
    shutil.copytree(CONTROLLER, chart)
    old = json.loads(json.dumps(definitions()))
    (version,) = old[0]["spec"]["versions"]
    del version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["suspend"]
    (chart / "files" / "crds.yaml").write_text(yaml.safe_dump_all(old, explicit_start=True))
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": "0.0.1", "appVersion": "0.0.1"}))
    return chart


def test_a_release_from_an_older_one_to_its_end(fresh: Cluster, tmp_path: Path) -> None:
    system = ("--namespace", "canary-system")
    fresh.helm("install", "canary", str(_older(tmp_path)), *system, "--create-namespace", *WAIT)
    assert "suspend" not in _schema(fresh, "canaries.flagger.app")
    fresh.kubectl("wait", "--for=condition=Established", "crd/canaries.flagger.app")
    fresh.kubectl("create", "namespace", "demo")
    fresh.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(article_canary("demo")))

    fresh.helm("upgrade", "canary", str(CONTROLLER), *system, *WAIT, values=EVERYTHING | {"podMonitor": {}})
    assert "suspend" in _schema(fresh, "canaries.flagger.app")
    deployment = fresh.get("deployment", "canary", "-n", "canary-system")
    assert deployment["status"]["availableReplicas"] == 3
    assert "-cluster-name=one: {two} #three" in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    for kind in ("secret", "poddisruptionbudget", "networkpolicy", "servicemonitor", "service"):
        assert "canary" in fresh.names(kind, "canary-system")

    fresh.helm("upgrade", "canary", str(CONTROLLER), *system, *WAIT, values={"leaderElection": {"enabled": False}})
    strategy = fresh.get("deployment", "canary", "-n", "canary-system")["spec"]["strategy"]
    assert strategy == {"type": "Recreate"}
    assert fresh.names("poddisruptionbudget", "canary-system") == []

    fresh.helm("rollback", "canary", "1", *system, *WAIT)
    rolled = fresh.get("deployment", "canary", "-n", "canary-system")
    assert rolled["spec"]["strategy"]["type"] == "RollingUpdate"
    assert rolled["spec"]["template"]["spec"]["containers"][0]["image"] == "canary-core:0.0.1"
    assert "suspend" not in _schema(fresh, "canaries.flagger.app")

    fresh.helm("uninstall", "canary", *system, *WAIT)
    for kind in ("deployment", "secret", "role", "rolebinding"):
        assert fresh.names(kind, "canary-system") == []
    roles = fresh.names("clusterrole", "default") + fresh.names("clusterrolebinding", "default")
    assert "canary" not in roles
    assert fresh.names("canary", "demo") == ["fleet-simple-app"]

    fresh.helm("install", "canary", str(CONTROLLER), *system, *WAIT)
    assert fresh.names("canary", "demo") == ["fleet-simple-app"]
    assert "suspend" in _schema(fresh, "canaries.flagger.app")


def test_a_release_of_flaggers_chart_is_upgraded_to_ours(fresh: Cluster, tmp_path: Path) -> None:
    """Its definitions belong to nobody, and its Deployment has the selector that ours must have."""
    chart = tmp_path / "flagger"
    (chart / "templates").mkdir(parents=True)
    (chart / "crds").mkdir()
    (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "name": "flagger", "version": "1.44.0"}))
    (chart / "crds" / "crd.yaml").write_text(yaml.safe_dump_all(definitions(), explicit_start=True))
    labels = {"app.kubernetes.io/name": "flagger", "app.kubernetes.io/instance": "flagger"}
    pod = {"containers": [{"name": "flagger", "image": "example.com/flagger:1.44.0"}]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "flagger"},
        "spec": {
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    (chart / "templates" / "deployment.yaml").write_text(yaml.safe_dump(deployment))
    system = ("--namespace", "istio-system")
    # As helm 3 did it; helm 4 goes on in the same way with such a release.
    fresh.helm("install", "flagger", str(chart), *system, "--create-namespace", "--server-side=false", *WAIT)

    with pytest.raises(HelmError, match="invalid ownership metadata"):
        fresh.helm("upgrade", "flagger", str(CONTROLLER), *system, values={"crd.create": True})
    fresh.helm("upgrade", "flagger", str(CONTROLLER), *system, *WAIT, "--take-ownership", values={"crd.create": True})
    found = fresh.get("deployment", "flagger", "-n", "istio-system")
    (running,) = found["spec"]["template"]["spec"]["containers"]
    assert (running["name"], found["status"]["availableReplicas"]) == ("canary", 1)
    assert fresh.names("deployment", "istio-system") == ["flagger"]
    kept = fresh.get("crd", "canaries.flagger.app")["metadata"]["annotations"]
    assert kept["helm.sh/resource-policy"] == "keep"
    fresh.helm("upgrade", "flagger", str(CONTROLLER), *system, *WAIT, values={"leaderElection": {"enabled": False}})
    assert fresh.get("deployment", "flagger", "-n", "istio-system")["spec"]["strategy"] == {"type": "Recreate"}


def test_a_load_tester_from_its_beginning_to_its_end(fresh: Cluster) -> None:
    place = ("--namespace", "loadtester")
    fresh.helm("install", "flagger-loadtester", str(LOADTESTER), *place, "--create-namespace", *WAIT)
    addresses = fresh.get("endpoints", "flagger-loadtester", "-n", "loadtester")["subsets"]
    assert [port["port"] for subset in addresses for port in subset["ports"]] == [8080]
    fresh.helm("upgrade", "flagger-loadtester", str(LOADTESTER), *place, *WAIT, values=LOAD)
    assert fresh.get("deployment", "flagger-loadtester", "-n", "loadtester")["status"]["availableReplicas"] == 2
    assert fresh.names("gateway", "loadtester") == ["flagger-loadtester"]
    fresh.helm("rollback", "flagger-loadtester", "1", *place, *WAIT)
    assert fresh.names("gateway", "loadtester") == []
    fresh.helm("uninstall", "flagger-loadtester", *place, *WAIT)
    assert fresh.names("deployment", "loadtester") == []
    assert fresh.names("service", "loadtester") == []


def _tokens(fresh: Cluster) -> dict[str, str]:
    data = fresh.get("secret", "flagger-loadtester-gates", "-n", "loadtester")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def test_an_upgrade_keeps_tokens_and_makes_those_of_new_namespaces(fresh: Cluster) -> None:
    place = ("--namespace", "loadtester")
    teams = {"tenants": True, "gateToken": {"namespaces": ["team-a"]}}
    fresh.helm("install", "flagger-loadtester", str(LOADTESTER), *place, "--create-namespace", *WAIT, values=teams)
    first = _tokens(fresh)
    assert set(first) == {"token", "token-team-a", "fingerprints"}
    fresh.helm("upgrade", "flagger-loadtester", str(LOADTESTER), *place, *WAIT, values=teams)
    assert _tokens(fresh) == first

    teams["gateToken"] = {"namespaces": ["team-a", "team-b"]}
    fresh.helm("upgrade", "flagger-loadtester", str(LOADTESTER), *place, *WAIT, values=teams)
    second = _tokens(fresh)
    assert {**second, **first, "fingerprints": ""} == {**second, "fingerprints": ""}
    known = GateTokens.parse(second["fingerprints"])
    assert known.opens(first["token-team-a"], "team-a")
    assert known.opens(second["token-team-b"], "team-b")

    teams["gateToken"] = {"namespaces": ["team-b"]}
    fresh.helm("upgrade", "flagger-loadtester", str(LOADTESTER), *place, *WAIT, values=teams)
    third = _tokens(fresh)
    assert set(third) == {"token", "token-team-b", "fingerprints"}
    assert not GateTokens.parse(third["fingerprints"]).opens(first["token-team-a"], "team-a")

    # Who wants new ones deletes the Secret.
    fresh.kubectl("delete", "secret", "flagger-loadtester-gates", "-n", "loadtester")
    fresh.helm("upgrade", "flagger-loadtester", str(LOADTESTER), *place, *WAIT, values=teams)
    assert {_tokens(fresh)[key] for key in ("token", "token-team-b")}.isdisjoint(third.values())
    fresh.helm("uninstall", "flagger-loadtester", *place, *WAIT)
    assert fresh.names("secret", "loadtester") == []
    assert fresh.names("networkpolicy", "loadtester") == []
