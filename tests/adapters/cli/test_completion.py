"""Completion in shells and below kubectl, with the names of canaries of a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import config
from kubernetes.client import Configuration

from applications.declared import a_deployment, install_definitions, raw_canary
from canary_adapters.cli import names
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS
from canary_lab.cluster import EmbeddedCluster
from laboratories.lab import BIN, KUBECTL

SHELLS = ["bash", "zsh", "fish"]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", names.PATIENCE: "60", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell_that_it_takes(shell: str, tmp_path: Path) -> None:
    done = run("canary", "completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_CANARY_COMPLETE" in done.stdout
    program = shutil.which(shell)
    if program is not None:
        (tmp_path / "script").write_text(done.stdout)
        assert run(program, "-n", str(tmp_path / "script")).returncode == 0


@pytest.mark.slow
def test_another_shell_is_refused() -> None:
    done = run("canary", "completion", "tcsh")
    assert (done.returncode, "must be bash, zsh or fish" in done.stderr) == (2, True)


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a cluster with two canaries in its default namespace, and one in another."""
    with EmbeddedCluster() as cluster:
        path = cluster.kubeconfig(tmp_path_factory.mktemp("completion") / "kubeconfig")
        found = Configuration()
        config.load_kube_config(str(path), client_configuration=found)
        api = Api(found)
        install_definitions(api)
        api._send("POST", "/api/v1/namespaces", body={"metadata": {"name": "other"}})
        for namespace, name in (("default", "web"), ("default", "api"), ("other", "web-3")):
            api.create(DEPLOYMENTS, namespace, a_deployment(name=name))
            api.create(CANARIES, namespace, raw_canary(namespace, name=name))
        api.close()
        yield path


def completed(kubeconfig: Path, line: str) -> list[str]:
    """What bash completes a line to, whose last word is being typed."""
    script = (
        'source <(canary completion bash); COMP_WORDS=($1); [[ "$1" == *" " ]] && COMP_WORDS+=("")\n'
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _canary_completion canary; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = run("bash", "-c", script, "bash", line, KUBECONFIG=str(kubeconfig))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("canary pau", ["pause"]),
        ("canary pause ", ["api", "web"]),
        ("canary status w", ["web"]),
        ("canary wait -n other ", ["web-3"]),
        ("canary abort --namespace=nowhere ", []),
        ("canary list -n o", ["other"]),
        ("canary list --context e", ["embedded"]),
    ],
)
def test_bash_completes_commands_and_names_from_the_cluster(kubeconfig: Path, line: str, found: list[str]) -> None:
    assert completed(kubeconfig, line) == found


@pytest.mark.slow
def test_without_a_cluster_there_are_no_names_and_no_message(tmp_path: Path) -> None:
    assert completed(tmp_path / "nowhere", "canary pause ") == []


@pytest.mark.slow
def test_kubectl_runs_the_plugin_and_completes_its_line(kubeconfig: Path) -> None:
    done = run(KUBECTL, "canary", "list", "-o", "name", KUBECONFIG=str(kubeconfig))
    assert (done.returncode, done.stdout) == (0, "canary.flagger.app/api\ncanary.flagger.app/web\n")
    done = run(KUBECTL, "canary", "--version")
    assert done.stdout.startswith("canary ")
    done = run(KUBECTL, "__complete", "canary", "status", "w", KUBECONFIG=str(kubeconfig))
    assert done.stdout.split() == ["web", ":4"]
    done = run(KUBECTL, "__complete", "canary", "prom", KUBECONFIG=str(kubeconfig))
    assert done.stdout.split() == ["promote", ":4"]


# -- Names ----------------------------------------------------------------------------------------------------------


def test_only_names_are_completed_to_whatever_a_server_says() -> None:
    said = ["web", "$(reboot)", "a b", "`x`", "Web", "web;ls", "", "-web", "w.e-b", "web\n"]
    assert names._matching(lambda: said, "w") == ["w.e-b", "web"]


def test_a_server_that_is_slow_or_fails_completes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setenv(names.PATIENCE, "0.05")
    ended = threading.Event()

    def slow() -> list[str]:
        ended.wait(5)
        return ["web"]

    def failing() -> list[str]:
        raise RuntimeError("no cluster")

    assert names._matching(slow, "") == []
    ended.set()
    assert names._matching(failing, "") == []
