"""A real controller whose Prometheus and whose webhooks answer anything at all, now and then even what they should."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from applications.demo_app import App
from applications.many_apps import image_of_primary
from laboratories.lab import Lab
from peers.raw_server import Answering, Asked, RawServer, answer

pytestmark = pytest.mark.slow


def _result(value: str, at: float = 1.0) -> bytes:
    series = [{"metric": {}, "value": [at, value]}]
    return answer({"status": "success", "data": {"resultType": "vector", "result": series}})


BAD: dict[str, Callable[[Answering], None]] = {
    "garbage": lambda to: to.send(answer(b"\0<html>")),
    "wrong types": lambda to: to.send(answer({"data": {"result": [None, {"value": "x"}]}}, status=200)),
    "not a number": lambda to: to.send(_result("NaN")),
    "nothing": lambda to: to.send(b""),
    "reset": lambda to: to.reset(),
    "an error": lambda to: to.send(answer(b"down", status=503)),
    "a redirect in a ring": lambda to: to.send(answer(b"", status=307, Location="/api/v1/query")),
    "half of it": lambda to: to.send(_result("100")[:-20]),
    "a drip": lambda to: to.drip(b"HTTP/1.1 503 No\r\nX: " + b"y" * 10_000, 0.1),
}
"""What Prometheus does to a query; of a hook each of them is a no, or none."""


class Moody:
    """Answers well, but for every other time; each way of being bad in its turn."""

    def __init__(self, good: Callable[[Asked], bytes]) -> None:
        self._good, self._lock = good, threading.Lock()
        self._turn, self.seen = 0, Counter[str]()

    def __call__(self, asked: Asked, to: Answering) -> None:
        with self._lock:
            self._turn += 1
            bad = list(BAD)[(self._turn // 2) % len(BAD)] if self._turn % 2 else ""
            self.seen[bad] += 1
        BAD[bad](to) if bad else to.send(self._good(asked))


def _healthy(asked: Asked) -> bytes:
    """With a clock of its own."""
    query = parse_qs(urlsplit(asked.target).query or asked.body.decode()).get("query", [""])[0]
    at = random.Random(query).choice([0.0, 4e9, -1.0])
    value = "1" if query == "vector(1)" else "50" if "bucket" in query else "100"
    return _result(value, at)


def test_a_rollout_ends_right_whatever_its_receivers_answer(lab: Lab, app: App) -> None:
    prometheus, hook = Moody(_healthy), Moody(lambda _: answer(b"yes"))
    with RawServer(prometheus) as metrics, RawServer(hook) as hooks, lab.controller() as running:
        gate = {"name": "gate", "type": "rollout", "url": f"{hooks.url}/", "timeout": "1s"}
        told = {"name": "told", "type": "event", "url": f"{hooks.url}/", "timeout": "1s"}
        many = {"stepWeight": 25, "maxWeight": 50, "threshold": 60, "webhooks": [gate, told]}
        app.deploy(metricsServer=metrics.url, analysis=many)
        app.until("Initialized", 90)
        app.image("v2")
        app.until("Succeeded", 120)
        assert image_of_primary(app) == "v2"
        assert app.weights() == [100, 0]
        assert "Traceback" not in running.text()
        bodies = [json.loads(asked.body) for asked in hooks.asked]
        assert all(body["name"] == app.name for body in bodies)
    assert len(prometheus.seen) >= 5
    assert len(hook.seen) >= 3
