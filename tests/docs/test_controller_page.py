"""The page on the controller: what it says to type without helm, on a cluster in which there is nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

from documents.pages import ROOT
from documents.terminal import Terminal
from laboratories.lab import Lab, eventually

PAGE = (ROOT / "docs" / "controller.md").read_text(encoding="utf-8")


def _block(after: str) -> list[str]:
    """The lines of the first block of commands after a text."""
    found = re.search(r"\n\n((?:    .*\n)+)", PAGE[PAGE.index(after) :])
    assert found is not None
    return [line.strip() for line in found[1].splitlines()]


def test_it_is_installed_with_kubectl_alone(tmp_path: Path) -> None:
    lines = _block("Or without:")
    assert [line.partition(" ")[0] for line in lines] == ["canary", "kubectl", "kubectl", "kubectl"]
    with Lab(tmp_path, definitions=False) as bare:
        terminal = Terminal({}, KUBECONFIG=str(bare.kubeconfig))
        for line in lines:
            terminal.type(line)

        def available() -> bool:
            found = json.loads(terminal.type("kubectl get deployments --all-namespaces -o json"))["items"]
            ready = {each["metadata"]["name"] for each in found if each["status"].get("availableReplicas")}
            return ready == {"canary-controller", "flagger-loadtester"}

        eventually(available)
