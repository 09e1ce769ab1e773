"""Canaries that come, are rolled out, rolled back and go, round after round; and how large a process is meanwhile."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Any, Final

import requests
from attrs import frozen

from applications.many_apps import named
from laboratories.lab import Controller, Lab, eventually

_APPS: Final = "/apis/apps/v1/namespaces/{}/deployments"
_CORE: Final = "/api/v1/namespaces/{}/services"
_CANARIES: Final = "/apis/flagger.app/v1beta1/namespaces/{}/canaries"
_ROUTES: Final = "/apis/networking.istio.io/v1beta1/namespaces/{}/virtualservices"
_PATHS: Final = {"Deployment": _APPS, "Service": _CORE, "Canary": _CANARIES}


class Churn:
    """Some applications at a time in one namespace, over HTTP, as kubectl would take longer than the rollouts."""

    def __init__(self, lab: Lab, namespace: str, count: int, **analysis: Any) -> None:
        """Makes the namespace.

        Args:
            lab: Where.
            namespace: Theirs.
            count: At a time.
            **analysis: Of their canaries.
        """
        self._lab, self._namespace, self._analysis = lab, namespace, analysis
        self._count, self._round = count, 0
        self._session = requests.Session()
        lab.kubectl("create", "namespace", namespace)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def turn(self) -> int:
        """One round: made, rolled out, rolled back, deleted, all of them at the same time.

        Returns:
            How many rollouts have ended as they should.
        """
        self._round += 1
        names = [f"app-{self._round}-{number}" for number in range(self._count)]
        self._lab.prometheus.success_rate = 100.0
        for obj in named(self._namespace, names, **self._analysis):
            self._ask("POST", _PATHS[obj["kind"]], obj)
        self._all("Initialized")
        self._images(names, "v2")
        self._all("Succeeded")
        self._lab.prometheus.success_rate = 0.0
        self._images(names, "v3")
        self._all("Failed")
        images = [self._image(f"{name}-primary") for name in names]
        assert images == ["example.com/app:v2"] * self._count
        for path in (_CANARIES, _APPS, _CORE, _ROUTES):
            self._ask("DELETE", path)
        eventually(lambda: self._phases() == [])
        return 2 * self._count

    def _images(self, names: Sequence[str], tag: str) -> None:
        container = {"name": "app", "image": f"example.com/app:{tag}"}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}
        for name in names:
            self._ask("PATCH", f"{_APPS}/{name}", body, "application/strategic-merge-patch+json")

    def _image(self, name: str) -> str:
        found: str = self._ask("GET", f"{_APPS}/{name}")["spec"]["template"]["spec"]["containers"][0]["image"]
        return found

    def _all(self, phase: str) -> None:
        try:
            eventually(lambda: self._phases() == [phase] * self._count)
        except AssertionError:
            raise AssertionError(f"not all {phase}: {self._phases()}") from None

    def _phases(self) -> list[str]:
        items = self._ask("GET", _CANARIES)["items"]
        return [(item.get("status") or {}).get("phase", "") for item in items]

    def _ask(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Any:
        url = self._lab.cluster.url + path.format(self._namespace)
        answer = self._session.request(method, url, json=body, headers={"Content-Type": content}, timeout=30)
        assert answer.ok, answer.text
        return answer.json()


@frozen
class Size:
    """How large a controller is."""

    resident_mib: float
    threads: int
    files: int
    sockets: int
    """Of the files."""
    shown: Mapping[str, float]
    """What it says itself: of ``canary_queued``, ``canary_open`` and ``canary_cached_objects``, by label."""

    @property
    def due(self) -> float:
        """Canaries that have a time."""
        return self.shown["due"]

    @property
    def cached(self) -> float:
        """Objects in its caches."""
        return sum(value for label, value in self.shown.items() if label.endswith("s") and label not in _NO_CACHES)


_NO_CACHES: Final = {"questions", "unseen writes"}
_SHOWN: Final = re.compile(r'^canary_(?:queued|open|cached_objects)\{\w+="([^"]+)"\} (\S+)$', re.MULTILINE)


def metrics_of(running: Controller) -> str:
    """What a controller exports."""
    return requests.get(f"http://127.0.0.1:{running.port}/metrics", timeout=10).text


def size_of(running: Controller) -> Size:
    """What Linux and the process itself say."""
    process = Path(f"/proc/{running.process.pid}")
    status = dict(re.findall(r"(VmRSS|Threads):\s+(\d+)", (process / "status").read_text()))
    files = [_target(each) for each in (process / "fd").iterdir()]
    return Size(
        resident_mib=int(status["VmRSS"]) / 1024,
        threads=int(status["Threads"]),
        files=len(files),
        sockets=sum(each.startswith("socket:") for each in files),
        shown={label: float(value) for label, value in _SHOWN.findall(metrics_of(running))},
    )


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def growth(values: Sequence[float]) -> float:
    """By which share the second half of some values rises, by a line laid through it (least squares)."""
    late = values[len(values) // 2 :]
    slope, _ = linear_regression(range(len(late)), late)
    return slope * (len(late) - 1) / fmean(late)
