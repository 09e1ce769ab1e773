"""The end may come at any time, also while the process has hardly begun."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from kubernetes.client import Configuration

from canary_adapters.controller.controller import Controller
from canary_adapters.controller.options import Options


def test_it_can_end_while_its_workers_are_being_started(monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go_on = threading.Event(), threading.Event()

    class Slow(threading.Thread):
        def start(self) -> None:
            if self.name == "worker-1":
                reached.set()
                assert go_on.wait(20)
            super().start()

    def configuration() -> Any:
        return Configuration(host="http://127.0.0.1:1")

    running = Controller(Options(port=0, workers=3), configuration)
    monkeypatch.setattr("canary_adapters.controller.crew.threading.Thread", Slow)
    acting = threading.Thread(target=running._act)
    acting.start()
    assert reached.wait(20)
    running.stop()
    go_on.set()
    acting.join(20)
    assert not acting.is_alive()
    assert running.ended.is_set()
