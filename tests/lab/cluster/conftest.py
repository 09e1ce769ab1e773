"""The cluster that these tests talk to: the embedded one, or any real one that CANARY_TEST_KUBECONFIG names."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from canary_lab.cluster import EmbeddedCluster, Timing

sys.path.insert(0, str(Path(__file__).parent / "corpus"))

REAL = os.environ.get("CANARY_TEST_KUBECONFIG")


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of the cluster."""
    if REAL:
        yield Path(REAL)
        return
    with EmbeddedCluster() as cluster:
        yield cluster.kubeconfig(tmp_path_factory.mktemp("cluster") / "kubeconfig")


@pytest.fixture
def embedded() -> Iterator[EmbeddedCluster]:
    """An embedded cluster of the test's own, whose Pods are ready soon."""
    with EmbeddedCluster(timing=Timing(start=0.02, stop=0.02)) as cluster:
        yield cluster


@pytest.fixture
def api(kubeconfig: Path) -> Iterator[Any]:
    """The official client."""
    connect: Any = config.new_client_from_config
    with connect(str(kubeconfig)) as found:
        yield found


@pytest.fixture
def namespace(api: Any) -> Iterator[str]:
    """A new namespace, deleted afterwards."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    core: Any = client.CoreV1Api(api)
    core.create_namespace({"metadata": {"name": name}})
    yield name
    core.delete_namespace(name)
