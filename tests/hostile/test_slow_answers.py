"""Webhooks and metric servers that hang hold up those who asked for them, and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from applications.demo_app import App
from applications.many_apps import image_of_primary, named
from laboratories.lab import CANARY, Controller, Lab, documents, eventually
from peers.raw_server import Answering, Asked, RawServer, answer

pytestmark = pytest.mark.slow

WORKERS = 2
SLOW = 12
"""Canaries whose questions hang, all in one namespace: more than there are workers, and than it may ask at a time."""


class Hanging:
    """Answers nobody until it is told to."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.begun, self.ended = 0, 0
        self._lock = threading.Lock()

    def __call__(self, _: Asked, to: Answering) -> None:
        with self._lock:
            self.begun += 1
        self.over.wait(300)
        with self._lock:
            self.ended += 1
        to.send(answer(b"no", status=403))


@contextmanager
def _hanging() -> Iterator[tuple[Hanging, str]]:
    script = Hanging()
    with RawServer(script) as server:
        try:
            yield script, server.url
        finally:
            script.over.set()


def _initialized(lab: Lab, namespace: str, count: int) -> bool:
    path = "jsonpath={.items[*].status.phase}"
    return lab.kubectl("get", "canaries", "-n", namespace, "-o", path).split() == ["Initialized"] * count


@pytest.mark.parametrize("kind", ["confirm-rollout", "rollout"])
def test_hooks_that_hang_hold_up_nobody_else(lab: Lab, app: App, kind: str) -> None:
    names = [f"slow-{number}" for number in range(SLOW)]
    place = f"hanging-{kind}"
    lab.kubectl("create", "namespace", place)
    with lab.controller(f"-threadiness={WORKERS}"), _hanging() as (script, url):
        gate = {"name": "gate", "type": kind, "url": url, "timeout": "10m", "retries": 3}
        lab.apply(documents(*named(place, names, webhooks=[gate], stepWeight=50, maxWeight=50)))
        eventually(lambda: _initialized(lab, place, SLOW))
        slow = [f"deployment/{name}" for name in names]
        lab.kubectl("set", "image", *slow, "app=example.com/app:v2", "-n", place)
        eventually(lambda: script.begun > WORKERS)
        app.deploy(analysis={"stepWeight": 25, "maxWeight": 50})
        app.until("Initialized")
        app.image("v2")
        app.until("Succeeded")
        assert image_of_primary(app) == "v2"
        assert script.ended == 0
        assert script.begun < SLOW, "what one namespace may ask at a time is bounded"


IMPATIENT = """
import functools, canary_adapters.controller.options as options
options.Options = functools.partial(options.Options, shutdown_s=0.5)
from canary_adapters.cli.start import main
main()
"""


def test_a_process_ends_though_its_hooks_hang(lab: Lab, app: App) -> None:
    """Whoever waits for an answer is not waited for beyond the time of an orderly end."""
    python = str(Path(CANARY).parent / "python")
    flags = ["controller", f"-kubeconfig={lab.kubeconfig}", "-port=0", "-minimum-interval=1s"]
    command = [python, "-c", IMPATIENT, *flags, f"-metrics-server={lab.prometheus.url}"]
    with _hanging() as (script, url):
        running = Controller(command, lab.folder / "impatient.log")
        lab.controllers.append(running)
        gate = {"name": "gate", "type": "confirm-rollout", "url": url, "timeout": "10m"}
        app.deploy(analysis={"webhooks": [gate]})
        app.until("Initialized")
        app.image("v2")
        eventually(lambda: script.begun == 1)
        assert running.terminate() == 0
        assert script.ended == 0
