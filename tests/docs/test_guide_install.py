"""The page on installing, typed line by line with a real helm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from documents.pages import GUIDE, lines
from documents.terminal import Terminal
from laboratories.lab import Lab

pytestmark = pytest.mark.slow


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path, definitions=False) as found:
        yield found


def test_it_is_installed_upgraded_and_taken_away(bare: Lab, tmp_path: Path) -> None:
    homes = {f"HELM_{part}_HOME": str(tmp_path / part.lower()) for part in ("CACHE", "CONFIG", "DATA")}
    terminal = Terminal({}, KUBECONFIG=str(bare.kubeconfig), **homes)
    *install, upgrade, uninstall = lines(GUIDE / "install.md")
    assert terminal.follow(install) == []
    deployed = terminal.type("kubectl get deployments --all-namespaces -o name").split()
    assert deployed == ["deployment.apps/canary", "deployment.apps/flagger-loadtester"]
    assert terminal.follow([upgrade, uninstall]) == []
    assert terminal.type("kubectl get deployments --all-namespaces -o name").split() == [deployed[1]]
    # As the page says, the definitions stay.
    assert "canaries.flagger.app" in terminal.type("kubectl get crd -o name")


def test_the_values_that_the_page_names_are_those_of_the_chart(tmp_path: Path) -> None:
    homes = {f"HELM_{part}_HOME": str(tmp_path / part.lower()) for part in ("CACHE", "CONFIG", "DATA")}
    page = (GUIDE / "install.md").read_text(encoding="utf-8")
    chosen = "podMonitor.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true"
    assert f"--set {chosen}" in page
    terminal = Terminal({}, **homes)
    text = terminal.type(f"helm template canary charts/canary --set {chosen}")
    assert {"kind: PodMonitor", "kind: PrometheusRule"} <= set(text.splitlines())
