"""Real kubectl cannot tell the embedded server from the real one: same exit codes, same printed text."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary_lab.cluster import EmbeddedCluster

RECORDED = Path(__file__).parent / "corpus" / "kubectl"
KUBECTL = str(Path(sys.executable).parent / "kubectl")
OUT_OF_SCOPE = {
    "084-auth-whoami": "the embedded administrator comes without a certificate, so there is no id of one to print",
    "086-api-resources": "resources that nothing here touches, such as csistoragecapacities, are not served",
    "087-api-versions": "nor are their groups",
}


def _answers(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for file in sorted(folder.glob("[0-9]*.yaml")):
        recorded = yaml.safe_load(file.read_text())
        # Versions inside of quoted JSON are the only ones that the recorder leaves as they are.
        text = {k: re.sub(r'(resourceVersion\\":\\")\d+', r"\1<rv>", recorded[k]) for k in ("stdout", "stderr")}
        found[file.stem] = {"exit_code": recorded["exit_code"], **{k: _calm(v) for k, v in text.items()}}
    return found


def _calm(text: str) -> list[str]:
    """The lines of a text without what depends on how fast things go: progress, and the same line again.

    A kubectl that has what it waited for may read on while it closes its watch, and log that it cannot.
    """
    chance = re.compile(r"Waiting for deployment|.*unable to decode an event from the watch stream: context canceled")
    lines = [line for line in text.splitlines() if not chance.match(line)]
    return [line for i, line in enumerate(lines) if i == 0 or line != lines[i - 1]]


@pytest.mark.slow
def test_kubectl_prints_what_it_prints_with_a_real_server(tmp_path: Path) -> None:
    with EmbeddedCluster() as cluster:
        kubeconfig = cluster.kubeconfig(tmp_path / "kubeconfig")
        istio = RECORDED / "manifests" / "istio.yaml"
        subprocess.run(
            [KUBECTL, "--kubeconfig", str(kubeconfig), "apply", "-f", str(istio)], check=True, capture_output=True
        )
        (tmp_path / "out").mkdir()
        record = [sys.executable, str(RECORDED / "record.py"), "--kubectl", KUBECTL]
        options = ["--kubeconfig", str(kubeconfig), "--out", str(tmp_path / "out")]
        subprocess.run([*record, *options], check=True, capture_output=True, timeout=200)
    wanted, got = _answers(RECORDED), _answers(tmp_path / "out")
    assert len(wanted) == 99
    assert got.keys() == wanted.keys()
    assert {k: v for k, v in got.items() if k not in OUT_OF_SCOPE} == {
        k: v for k, v in wanted.items() if k not in OUT_OF_SCOPE
    }


def test_kubectl_lists_everything_that_the_real_one_has_and_we_serve(kubeconfig: Path) -> None:
    command = [KUBECTL, "--kubeconfig", str(kubeconfig), "api-resources", "--namespaced", "--verbs=watch", "-o", "name"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert {"configmaps", "deployments.apps", "leases.coordination.k8s.io", "endpointslices.discovery.k8s.io"} <= set(
        listed
    )
