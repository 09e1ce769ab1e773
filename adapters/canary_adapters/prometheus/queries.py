"""The built-in checks in PromQL: success rate and duration of a canary's requests, as Flagger measures them."""

from typing import Final

from attrs import frozen

from canary_adapters.manifests.analysis import REQUEST_DURATION, REQUEST_SUCCESS_RATE

__all__ = ["QUERIES_OF", "BuiltIn", "built_in"]


@frozen(kw_only=True)
class _Metrics:
    """Where a provider counts requests."""

    requests: str
    selector: str
    status: str
    buckets: str
    to_milliseconds: float


_ISTIO: Final = _Metrics(
    requests="istio_requests_total",
    selector='reporter="destination",destination_workload_namespace="{namespace}",destination_workload=~"{target}"',
    status="response_code",
    buckets="istio_request_duration_milliseconds_bucket",
    to_milliseconds=1.0,
)
_HTTP: Final = _Metrics(
    requests="http_request_duration_seconds_count",
    # Two parts follow the name of a Deployment's pod; the primary's pods must not be taken for the canary's.
    selector=(
        'kubernetes_namespace="{namespace}",kubernetes_pod_name=~"{target}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)",'
        'kubernetes_pod_name!~"{target}-primary-.*"'
    ),
    status="status",
    buckets="http_request_duration_seconds_bucket",
    to_milliseconds=1000.0,
)
QUERIES_OF: Final = {"istio": _ISTIO, "kubernetes": _HTTP}


@frozen(kw_only=True)
class BuiltIn:
    """A built-in check."""

    query: str
    """Its value: percent, or milliseconds after `factor`."""
    count: str
    """Requests that it rests on."""
    factor: float
    """From the query's unit to the check's."""


def built_in(name: str, *, provider: str, is_service: bool, namespace: str, target: str, window: str) -> BuiltIn | None:
    """A built-in check for a canary.

    Args:
        name: Of the metric.
        provider: What moves the traffic.
        is_service: Whether the target is a Service: what runs behind it only the mesh knows.
        namespace: Of the canary.
        target: Name of the workload.
        window: How far back to look, as PromQL has it.

    Returns:
        None: There is no built-in check of this name.
    """
    metrics = _ISTIO if is_service else QUERIES_OF.get(provider, _ISTIO)
    chosen = metrics.selector.format(namespace=namespace, target=target)
    every = f"{metrics.requests}{{{chosen}}}"
    count = f"sum(increase({every}[{window}]))"
    if name == REQUEST_SUCCESS_RATE:
        good = f'{metrics.requests}{{{chosen},{metrics.status}!~"5.*"}}'
        total = f"sum(rate({every}[{window}]))"
        # Who has never answered with anything but errors has no series of good answers: that is 0, not nothing.
        return BuiltIn(query=f"(sum(rate({good}[{window}])) or 0 * {total}) / {total} * 100", count=count, factor=1.0)
    if name == REQUEST_DURATION:
        buckets = f"{metrics.buckets}{{{chosen}}}"
        return BuiltIn(
            query=f"histogram_quantile(0.99, sum(rate({buckets}[{window}])) by (le))",
            count=count,
            factor=metrics.to_milliseconds,
        )
    return None
