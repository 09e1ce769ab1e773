"""The article's application on a whole installation: real requests, a real Envoy, a real Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from applications.demo_app import NAME, App
from canary_lab.mesh.client import Visitor, fetch
from canary_lab.mesh.laptop import Laptop
from canary_lab.mesh.load import Answer, Load
from laboratories.lab import Watched, eventually

EXAMPLES = Path(__file__).parents[2] / "examples"
INTERVAL_S = 3
PORT = 8080


class MeshLab(Watched):
    """A laptop that is watched through kubectl."""

    def __init__(self, laptop: Laptop) -> None:
        self.laptop = laptop
        self.kubeconfig = laptop.kubeconfig

    def load_tester(self) -> LoadTester:
        """The load tester of the examples, deployed if it is not yet."""
        self.apply((EXAMPLES / "loadtester" / "deployment.yaml").read_text())
        self.kubectl("rollout", "status", "deployment/flagger-loadtester", "-n", "loadtester", "--timeout=30s")
        eventually(lambda: self.laptop.addresses.proxies.get("loadtester"))
        return LoadTester(self.laptop)

    def _logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.laptop.folder.glob("*.log")))


class MeshApp(App[MeshLab]):
    """The application in a namespace of its own, with users."""

    @property
    def url(self) -> str:
        """Of the apex Service."""
        return f"http://{NAME}.{self.namespace}:{PORT}/"

    @property
    def proxy(self) -> str:
        """What a client of the namespace sends its requests through."""
        found: str = eventually(lambda: self.lab.laptop.addresses.proxies.get(self.namespace))
        return found

    def begin(self, **spec: Any) -> None:
        """Deploy, and wait until it is initialised and answers."""
        metrics = [
            {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": f"{INTERVAL_S}s"},
            {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": f"{INTERVAL_S}s"},
        ]
        analysis = {"interval": f"{INTERVAL_S}s", "threshold": 2, "metrics": metrics, **spec.pop("analysis", {})}
        self.deploy(analysis=analysis, **spec)
        self.until("Initialized")
        eventually(lambda: self.fetch().status == 200)

    def fetch(self, **headers: str) -> Answer:
        """One request to the apex Service."""
        return fetch(self.url, proxy=self.proxy, headers=_headers(headers))

    def visitor(self) -> Visitor:
        """Somebody who keeps cookies."""
        return Visitor(self.url, proxy=self.proxy)

    @contextmanager
    def users(self, rate: float = 60, url: str = "", **headers: str) -> Iterator[Load]:
        """So many requests a second, by default to the apex Service."""
        with Load(url or self.url, proxy=self.proxy, rate=rate, headers=_headers(headers)) as load:
            yield load

    @contextmanager
    def load_on_canary(self) -> Iterator[Load]:
        """What a load tester does: there are metrics of the canary also while users do not reach it."""
        with self.users(20, f"http://{NAME}-canary.{self.namespace}:{PORT}/") as load:
            yield load

    def fault(self, what: str) -> float:
        """Change what all pods of the canary do from now on, and return that moment."""
        pods = {
            name: ports
            for name, ports in self.lab.laptop.addresses.pods.items()
            if name.startswith(f"{self.namespace}/{NAME}-") and "primary" not in name
        }
        assert pods
        moment = time.monotonic()
        for ports in pods.values():
            assert requests.get(f"http://{ports[str(PORT)]}/_fault?{what}", timeout=5).ok
        return moment


def _headers(given: dict[str, str]) -> dict[str, str]:
    """Names as Python can have them, made into those of headers."""
    return {name.replace("_", "-"): value for name, value in given.items()}


class LoadTester:
    """The load tester that runs as a pod, as users of it see it."""

    def __init__(self, laptop: Laptop) -> None:
        self.url = "http://flagger-loadtester.loadtester"
        self._proxy = laptop.addresses.proxies["loadtester"]

    def post(self, path: str, name: str, namespace: str) -> None:
        """Tell it something about a canary."""
        body = {"name": name, "namespace": namespace}
        answer = requests.post(f"{self.url}{path}", json=body, proxies={"http": self._proxy}, timeout=5)
        assert answer.status_code == 202, answer.text

    def metric(self, name: str, **labels: str) -> float:
        """A value of its metrics; 0 if there is none."""
        text = requests.get(f"{self.url}/metrics", proxies={"http": self._proxy}, timeout=5).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return 0.0
