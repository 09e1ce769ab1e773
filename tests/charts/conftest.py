"""Helm, and a cluster with every definition that the charts may need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from canary_lab.cluster import EmbeddedCluster, Timing
from canary_lab.cluster.crds import istio
from laboratories.helm import Helm, kubectl

OTHERS = Path(__file__).parent / "others.yaml"


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster."""
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def cluster_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of a cluster with Istio and the Prometheus operator, and without our definitions."""
    folder = tmp_path_factory.mktemp("charts")
    with EmbeddedCluster(timing=Timing(start=0.02, stop=0.02)) as cluster:
        path = cluster.kubeconfig(folder / "kubeconfig")
        for text in (istio(), OTHERS.read_text()):
            kubectl(path, "apply", "-f", "-", stdin=text)
        yield path
