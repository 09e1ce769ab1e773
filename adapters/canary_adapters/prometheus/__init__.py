"""Prometheus: the checks of a canary as queries."""

from canary_adapters.prometheus.pool import PrometheusPool
from canary_adapters.prometheus.source import CanaryMetrics, SecretReader, TemplateReader

__all__ = ["CanaryMetrics", "PrometheusPool", "SecretReader", "TemplateReader"]
