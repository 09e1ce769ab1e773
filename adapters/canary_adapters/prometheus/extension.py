"""Checks asked of Prometheus, as the controller finds them."""

import threading
from collections.abc import Iterator

from canary_adapters.denied_addresses import DeniedAddresses
from canary_adapters.extensions import Extension, Given, Right
from canary_adapters.kubernetes.resources import METRIC_TEMPLATES, SECRETS, Ref
from canary_adapters.manifests import Canary, provider_of
from canary_adapters.prometheus.pool import PrometheusPool
from canary_adapters.prometheus.source import CanaryMetrics
from canary_core import Obstacle
from canary_ports import MetricSource

__all__ = ["PrometheusExtension"]


class PrometheusExtension(Extension[MetricSource]):
    """The metric source of every check, unless its template names another one."""

    rights = (Right(METRIC_TEMPLATES, ("list", "watch")), Right(SECRETS, ("get",)))

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.pool: PrometheusPool | None = None
        """Made when it is first known whom it may not reach."""

    def refs(self, canary: Canary) -> Iterator[Ref]:
        """The templates of its checks."""
        for metric in canary.spec.analysis.metrics:
            if metric.template_ref is not None:
                yield METRIC_TEMPLATES, metric.template_ref.namespace or canary.namespace, metric.template_ref.name

    def make(self, given: Given) -> MetricSource:
        """The checks of one canary."""
        return self._made(given)

    def _made(self, given: Given) -> CanaryMetrics:
        return CanaryMetrics(
            given.canary,
            provider=provider_of(given.canary, given.options.mesh_provider),
            metrics_server=given.options.metrics_server,
            templates=given.references.template,
            secrets=given.references.secret,
            pool=self._pool_for(given.options.denied_addresses),
            cross_namespace=not given.options.no_cross_namespace_refs,
        )

    def obstacles(self, given: Given) -> tuple[Obstacle, ...]:
        """Templates that are missing, or of which a query cannot be made."""
        return self._made(given).obstacles()

    def close(self) -> None:
        """Close all connections."""
        if self.pool is not None:
            self.pool.close()

    def _pool_for(self, denied: DeniedAddresses) -> PrometheusPool:
        with self._lock:
            if self.pool is None:
                self.pool = PrometheusPool(denied=denied)
            return self.pool
