"""A cluster for the adapters' tests, embedded unless there is a real one, and a namespace in it for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import config
from kubernetes.client import Configuration

from applications.declared import a_namespace, forget, install_definitions
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_lab.cluster import EmbeddedCluster, Timing
from laboratories.lab import REAL


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedCluster]:
    """The API server; its Pods are ready soon. Who looks into it is skipped where there is a real one."""
    if REAL:
        pytest.skip("looks into the embedded cluster")
    with EmbeddedCluster(timing=Timing(start=0.02, stop=0.02)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of an administrator."""
    if REAL:
        return Path(REAL)
    cluster: EmbeddedCluster = request.getfixturevalue("embedded")
    return cluster.kubeconfig(tmp_path_factory.mktemp("kubernetes") / "kubeconfig")


@pytest.fixture(scope="session")
def configuration(kubeconfig: Path) -> Configuration:
    """How to reach it, for the official client."""
    found = Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=found)
    api = Api(found)
    install_definitions(api)
    api.close()
    return found


@pytest.fixture
def api(configuration: Configuration) -> Iterator[Api]:
    """A way to it."""
    found = Api(configuration)
    yield found
    found.close()


@pytest.fixture
def cluster(api: Api) -> Cluster:
    """Reads (each a request) and writes."""
    return Cluster(api)


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A new namespace."""
    name = a_namespace(api)
    yield name
    if REAL:
        forget(api, name)
