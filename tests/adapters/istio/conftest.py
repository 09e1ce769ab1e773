"""The fixtures of the adapters' tests."""

from laboratories.cluster_fixtures import api, cluster, configuration, embedded, kubeconfig, namespace

__all__ = ["api", "cluster", "configuration", "embedded", "kubeconfig", "namespace"]
