"""Envoy's statistics of clusters under the names that Istio gives them, so that queries made for Istio find them.

What a scrape of a real Prometheus would do with these relabelling rules, line by line: keep the counters and durations
of requests by cluster, rename them, and read namespace and workload from the name of the cluster, which is
``<namespace>/<workload>``. Labels of Envoy's own are dropped.
"""

import re
from typing import Final

from prombed import ExpositionSample, parse_exposition

__all__ = ["istio_names"]

_REQUESTS: Final = "envoy_cluster_upstream_rq"
_DURATION: Final = "envoy_cluster_upstream_rq_time"
_NAMES: Final = {
    _REQUESTS: "istio_requests_total",
    **{f"{_DURATION}_{part}": f"istio_request_duration_milliseconds_{part}" for part in ("bucket", "sum", "count")},
}
_WORKLOAD: Final = re.compile(r"([^/]+)/(.+)")


def istio_names(text: str) -> str:
    """A scrape of Envoy as Istio would have it.

    Args:
        text: Prometheus' text format.

    Raises:
        PrombedError: It is something else.
    """
    # Most of what Envoy tells is of no use here, and parsing is what costs.
    kept = "\n".join(line for line in text.split("\n") if line.startswith(_REQUESTS))
    found: dict[str, ExpositionSample] = {}
    for sample in parse_exposition(kept).samples:
        if sample.name in _NAMES:
            # Clusters that are no workloads fall together without their names: the first stands, as in Prometheus.
            found.setdefault(f"{_NAMES[sample.name]}{_labels(sample.labels)}", sample)
    return "".join(f"{name} {_number(sample.value)}\n" for name, sample in found.items())


def _labels(labels: dict[str, str]) -> str:
    kept = {name: value for name, value in labels.items() if not name.startswith("envoy_")}
    if labels.get("envoy_response_code"):
        kept["response_code"] = labels["envoy_response_code"]
    workload = _WORKLOAD.fullmatch(labels.get("envoy_cluster_name", ""))
    if workload is not None:
        kept["destination_workload_namespace"], kept["destination_workload"] = workload.groups()
    kept["reporter"] = "destination"
    return "{" + ",".join(f'{name}="{_quoted(kept[name])}"' for name in sorted(kept)) + "}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(str(value), str(value))
