"""An embedded cluster for the adapters' tests; each test has a namespace of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes import config
from kubernetes.client import Configuration

from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_sims.cluster import EmbeddedCluster, Timing
from declared import a_namespace, install_definitions


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedCluster]:
    """The API server; its Pods are ready soon."""
    with EmbeddedCluster(timing=Timing(start=0.02, stop=0.02)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def configuration(embedded: EmbeddedCluster, tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """How to reach it, for the official client."""
    found = Configuration()
    path = embedded.kubeconfig(tmp_path_factory.mktemp("kubernetes") / "kubeconfig")
    config.load_kube_config(str(path), client_configuration=found)
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
def namespace(api: Api) -> str:
    """A new namespace."""
    return a_namespace(api)
