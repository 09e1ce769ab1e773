"""What serves canaries in a process, with stand-ins for what is outside of it."""

from typing import Any

from canary_adapters.controller.registry import Registry
from canary_adapters.prometheus.extension import PrometheusExtension


def registry_with_prometheus(pool: Any) -> Registry:
    """All that is installed, with a stand-in for the connections to Prometheus: `PrometheusPool.query` and `close`."""
    registry = Registry.load()
    source = registry.metrics["prometheus"]
    assert isinstance(source, PrometheusExtension)
    source.pool = pool
    return registry
