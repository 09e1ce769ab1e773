"""A real helm installs, upgrades, rolls back and uninstalls a chart, and waits for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

HELM = Path(sys.executable).parent / "helm"
CHART = Path(__file__).parent / "chart"

pytestmark = pytest.mark.slow


@pytest.fixture
def helm(kubeconfig: Path, namespace: str, tmp_path: Path) -> Any:
    """Run helm in the namespace; what it prints as JSON, or as text."""

    def run(*args: str) -> Any:
        home = {f"HELM_{part}_HOME": str(tmp_path / part.lower()) for part in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            [HELM, "--kubeconfig", str(kubeconfig), "--namespace", namespace, *args],
            capture_output=True,
            text=True,
            env={**home, "HOME": str(tmp_path), "PATH": ""},
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "json" in args else done.stdout

    return run


def test_a_release_lives_from_install_to_uninstall(helm: Any, api: Any, namespace: str) -> None:
    core: Any = client.CoreV1Api(api)
    apps: Any = client.AppsV1Api(api)
    helm("lint", str(CHART))
    helm("install", "one", str(CHART), "--wait", "--timeout", "60s")
    deployment = apps.read_namespaced_deployment("one", namespace)
    assert deployment.status.available_replicas == 2
    assert [each["name"] for each in helm("list", "-o", "json")] == ["one"]

    helm("upgrade", "one", str(CHART), "--set", "image=example.com/app:2,greeting=bye", "--wait", "--timeout", "60s")
    deployment = apps.read_namespaced_deployment("one", namespace)
    assert deployment.spec.template.spec.containers[0].image == "example.com/app:2"
    assert core.read_namespaced_config_map("one", namespace).data == {"greeting": "bye"}

    helm("rollback", "one", "1", "--wait", "--timeout", "60s")
    assert core.read_namespaced_config_map("one", namespace).data == {"greeting": "hello"}
    assert [each["status"] for each in helm("history", "one", "-o", "json")] == ["superseded", "superseded", "deployed"]

    helm("uninstall", "one", "--wait", "--timeout", "60s")
    assert apps.list_namespaced_deployment(namespace).items == []
    assert core.list_namespaced_service(namespace).items == []
    assert helm("list", "-o", "json") == []


def test_an_upgrade_that_the_server_refuses_fails_and_changes_nothing(helm: Any, api: Any, namespace: str) -> None:
    apps: Any = client.AppsV1Api(api)
    helm("install", "two", str(CHART))
    with pytest.raises(AssertionError, match=r"spec\.replicas"):
        helm("upgrade", "two", str(CHART), "--set", "replicas=-1")
    assert apps.read_namespaced_deployment("two", namespace).spec.replicas == 2
    helm("uninstall", "two")
