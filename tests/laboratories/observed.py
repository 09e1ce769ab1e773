"""A cluster as tests see it beside kubectl: requests of any form, every change, and who wrote what.

The embedded cluster knows all of it itself. A real one is asked by a kubeconfig, watched, and tells of its writes in an
audit log, where `tools.control_plane` has it written.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
import requests
import urllib3
from attrs import frozen
from kubernetes import client, config, watch

from canary_lab.cluster import EmbeddedCluster
from canary_lab.cluster.requests import Entry
from laboratories.looking import session_of

__all__ = ["AUDIT_LOG", "Observed", "OfEmbedded", "OfReal", "Write"]

AUDIT_LOG: Final = "audit.log"
"""Name of the file beside the kubeconfig, in the form of
https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#log-backend."""
_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_TURN_S: Final = 2
"""For how long a watch is open: it is noticed that nobody listens any more."""


@frozen
class Write:
    """An object that was created or changed."""

    store: str
    """Group and plural: ``core/events``."""
    obj: dict[str, Any]


class Observed(Protocol):
    """What is seen."""

    url: str
    """Address of the server."""

    def session(self) -> requests.Session:
        """A session that may do everything there."""

    def heard(self, listener: Callable[[Write], None]) -> Any:
        """A context manager in which a listener hears every write of Canaries and Events, in order."""

    def writes(self, agent: str) -> list[Entry]:
        """All requests that wanted to write since this was made, of a client that has this in its User-Agent."""


class OfEmbedded:
    """The embedded one."""

    def __init__(self, cluster: EmbeddedCluster) -> None:
        self._cluster = cluster
        self.url = cluster.url

    def session(self) -> requests.Session:
        """See `Observed`."""
        return requests.Session()

    @contextmanager
    def heard(self, listener: Callable[[Write], None]) -> Iterator[None]:
        """See `Observed`."""
        end = self._cluster.subscribe(
            lambda event: None if event.type == "DELETED" else listener(Write(event.store, event.obj))
        )
        try:
            yield
        finally:
            end()

    def writes(self, agent: str) -> list[Entry]:
        """See `Observed`."""
        return [each for each in self._cluster.requests.matching(agent=agent) if each.verb in _WRITES]


class OfReal:
    """One that a kubeconfig names."""

    def __init__(self, kubeconfig: Path) -> None:
        connect: Any = config.new_client_from_config
        self._kubeconfig = kubeconfig
        self._audit = kubeconfig.parent / AUDIT_LOG
        self._noted_before = self._audit.stat().st_size if self._audit.exists() else 0
        self._connect: Callable[[], Any] = lambda: connect(str(kubeconfig))
        self.url: str = self._connect().configuration.host

    def session(self) -> requests.Session:
        """See `Observed`."""
        return session_of(self._kubeconfig)[1]

    @contextmanager
    def heard(self, listener: Callable[[Write], None]) -> Iterator[None]:
        """See `Observed`."""
        api = self._connect()
        objects: Any = client.CustomObjectsApi(api)
        lists: dict[str, Callable[..., Any]] = {
            "core/events": client.CoreV1Api(api).list_event_for_all_namespaces,
            "flagger.app/canaries": lambda **how: objects.list_cluster_custom_object(
                "flagger.app", "v1beta1", "canaries", **how
            ),
        }
        over = threading.Event()
        threads = [
            threading.Thread(target=_listen, args=(store, lister, _version(lister()), listener, over), daemon=True)
            for store, lister in lists.items()
        ]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            over.set()
            for each in threads:
                each.join()

    def writes(self, agent: str) -> list[Entry]:
        """See `Observed`."""
        if not self._audit.exists():
            pytest.skip(f"asks who wrote what, and there is no {self._audit}")
        with self._audit.open("rb") as file:
            file.seek(self._noted_before)
            noted = [json.loads(line) for line in file if line.endswith(b"\n")]
        return [_entry(each) for each in noted if agent in each.get("userAgent", "") and each["verb"] in _WRITES]


def _listen(
    store: str, lister: Callable[..., Any], version: str, listener: Callable[[Write], None], over: threading.Event
) -> None:
    """Watch from a version on, until it is over."""
    while not over.is_set():
        with suppress(urllib3.exceptions.HTTPError, OSError):
            for event in watch.Watch().stream(lister, resource_version=version, timeout_seconds=_TURN_S):
                obj = event["raw_object"]
                version = obj["metadata"]["resourceVersion"]
                if event["type"] != "DELETED":
                    listener(Write(store, obj))


def _version(answer: Any) -> str:
    found: str = answer["metadata"]["resourceVersion"] if isinstance(answer, dict) else answer.metadata.resource_version
    return found


def _entry(noted: Mapping[str, Any]) -> Entry:
    ref: Mapping[str, str] = noted.get("objectRef") or {}
    parts = [part for part in (ref.get("resource"), ref.get("subresource")) if part]
    return Entry(
        verb=noted["verb"],
        group=ref.get("apiGroup", ""),
        resource="/".join(parts) or noted["requestURI"],
        namespace=ref.get("namespace", ""),
        name=ref.get("name", ""),
        agent=noted["userAgent"],
        user=noted["user"]["username"],
        code=(noted.get("responseStatus") or {}).get("code", 0),
        dry_run="dryRun=" in noted["requestURI"],
    )
