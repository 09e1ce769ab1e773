"""Prometheus beside the mesh: Envoy's statistics under the names that Istio gives them.

The built-in checks run on them unchanged. Where Prometheus is not installed, `canary_lab.mesh.evaluator` stands in.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

import requests
import yaml

from canary_lab.mesh.programs import free_port, tied, wait_or_kill
from canary_lab.mesh.tools import find_tool

__all__ = ["Prometheus", "PrometheusError", "scrape_url"]

_CLUSTERS: Final = r"^cluster\.[^.]+\.upstream_rq(_\d+|_time)$"
"""The statistics of clusters that count; the pattern leaves out their doubles by origin."""
_START_S: Final = 30.0
_STOP_S: Final = 10.0
_POLL_S: Final = 0.05
_RELABEL: Final[tuple[dict[str, Any], ...]] = (
    {
        "source_labels": ["__name__"],
        "regex": "envoy_cluster_upstream_rq|envoy_cluster_upstream_rq_time_(bucket|sum|count)",
        "action": "keep",
    },
    {
        "source_labels": ["__name__"],
        "regex": "envoy_cluster_upstream_rq",
        "target_label": "__name__",
        "replacement": "istio_requests_total",
    },
    {
        "source_labels": ["__name__"],
        "regex": "envoy_cluster_upstream_rq_time_(bucket|sum|count)",
        "target_label": "__name__",
        "replacement": "istio_request_duration_milliseconds_$1",
    },
    {"source_labels": ["envoy_response_code"], "regex": "(.+)", "target_label": "response_code"},
    {
        "source_labels": ["envoy_cluster_name"],
        "regex": "([^/]+)/(.+)",
        "target_label": "destination_workload_namespace",
        "replacement": "$1",
    },
    {
        "source_labels": ["envoy_cluster_name"],
        "regex": "([^/]+)/(.+)",
        "target_label": "destination_workload",
        "replacement": "$2",
    },
    {"target_label": "reporter", "replacement": "destination"},
    {"regex": "envoy_.*", "action": "labeldrop"},
)


class PrometheusError(Exception):
    """It does not come up."""


def scrape_url(admin: str) -> str:
    """Where Envoy's statistics of clusters are, as text in Prometheus' format.

    Args:
        admin: URL of Envoy's admin interface.
    """
    return f"{admin}/stats/prometheus?{urlencode({'usedonly': '', 'filter': _CLUSTERS})}"


class Prometheus:
    """The process, or what stands in for it."""

    def __init__(self, admin: str, folder: Path, *, stand_in: bool = False) -> None:
        """Makes one that does not run yet.

        Args:
            admin: URL of Envoy's admin interface.
            folder: For its data and logs.
            stand_in: Whether Prometheus itself is done without also where it is installed.
        """
        self._admin, self._folder = admin, folder
        self._binary = None if stand_in else find_tool("prometheus")
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def is_real(self) -> bool:
        """Whether it is Prometheus itself."""
        return self._binary is not None

    @property
    def url(self) -> str:
        """Where it answers; the same after it was started again."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Start it, and wait until it answers.

        Raises:
            PrometheusError: It does not come up.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._port = self._port or free_port()
        with (self._folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - no shell, no foreign input
                tied(self._command()), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self._wait()
        return self

    def scrape(self, controllers: list[str]) -> None:
        """Have it read the metrics of controllers as well, those that run now. What stands in for it does not.

        Args:
            controllers: Host and port of each.
        """
        found = self._folder / "controllers.json"
        partial = found.with_suffix(".partial")
        partial.write_text(json.dumps([{"targets": controllers}]))
        partial.rename(found)

    def kill(self) -> None:
        """End it without a word, as a machine does that fails."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._process.terminate()
        wait_or_kill(self._process, _STOP_S)
        self._process = None

    def query(self, promql: str) -> float | None:
        """The value of an instant query of one series. None: there is none, or nobody answers."""
        try:
            answer = requests.get(f"{self.url}/api/v1/query", params={"query": promql}, timeout=2.0)
            found = answer.json()["data"]["result"]
            value = float(found[0]["value"][1]) if found else None
        except (requests.RequestException, ValueError, KeyError, IndexError, TypeError):
            return None
        return None if value is None or math.isnan(value) else value

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self) -> tuple[str, ...]:
        if self._binary is None:
            scraped = ("--scrape", scrape_url(self._admin), "--port", str(self._port))
            return (sys.executable, "-m", "canary_lab.mesh.evaluator", *scraped)
        configuration = self._folder / "prometheus.yml"
        targets = self._folder / "controllers.json"
        configuration.write_text(yaml.safe_dump(_configuration(self._admin, targets), sort_keys=False))
        return (
            self._binary,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--storage.tsdb.retention.time=2h",
            "--log.level=warn",
        )

    def _wait(self) -> None:
        end, pause = time.monotonic() + _START_S, threading.Event()
        while True:
            try:
                if requests.get(f"{self.url}/-/ready", timeout=1.0).ok:
                    return
            except requests.RequestException:
                pass
            if self._process is None or self._process.poll() is not None or time.monotonic() > end:
                raise PrometheusError(f"it does not come up, see {self._folder / 'prometheus.log'}")
            pause.wait(_POLL_S)


def _configuration(admin: str, controllers: Path) -> dict[str, Any]:
    parts = urlsplit(scrape_url(admin))
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "900ms", "evaluation_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": "envoy",
                "metrics_path": parts.path,
                "params": {"usedonly": [""], "filter": [_CLUSTERS]},
                "static_configs": [{"targets": [parts.netloc]}],
                "metric_relabel_configs": list(_RELABEL),
            },
            {
                "job_name": "canary",
                "honor_labels": True,  # a metric's namespace is that of its canary
                "file_sd_configs": [{"files": [str(controllers)]}],
            },
        ],
    }
