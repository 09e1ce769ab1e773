"""The application that must go on: its canary is analyzed all the time, by servers of its own."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote_plus, urlsplit

from applications.demo_app import App
from attackers.secrets import secret_of
from laboratories.lab import Lab
from peers.http_peers import Behaviour, Caller, Peer

__all__ = ["INTERVAL_S", "NAME", "Victim", "prometheus", "vector", "whole"]

NAME: Final = "victim"
INTERVAL_S: Final = 2.0


def whole(body: bytes, *lines: str, status: int = 200) -> bytes:
    """A whole answer.

    Args:
        body: Its body.
        *lines: Further headers.
        status: Its status.
    """
    head = [f"HTTP/1.1 {status} Any", "Content-Type: application/json", f"Content-Length: {len(body)}", *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body


def vector(*values: str) -> bytes:
    """What Prometheus says of so many series."""
    series = [{"metric": {}, "value": [time.time(), value]} for value in values]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}).encode()


def prometheus(*, noted: list[float] | None = None) -> Behaviour:
    """Answers queries well.

    Args:
        noted: Takes the moment of each query of a success rate.
    """

    async def behave(caller: Caller) -> None:
        while seen := await caller.request():
            query = _query(seen.line, seen.body)
            if noted is not None and "istio_requests_total" in query:
                noted.append(time.monotonic())
            value = "1" if query.strip() == "vector(1)" else "100"
            await caller.send(whole(vector(value)))

    return behave


def _query(line: str, body: bytes) -> str:
    target = unquote_plus(line.split(" ")[1]) if line.startswith("POST") else line.split(" ")[1]
    return parse_qs(body.decode() or urlsplit(target).query).get("query", [""])[0]


async def _yes(caller: Caller) -> None:
    while await caller.request():
        await caller.send(whole(b"{}"))


class Victim:
    """It in a namespace of a laboratory; a context manager, around its servers only."""

    def __init__(self, lab: Lab) -> None:
        self.app = App(lab, NAME, NAME)
        self.ticks: list[float] = []
        """Moments at which its success rate was asked for."""
        self._open = ExitStack()
        self.servers = [Peer(prometheus(noted=self.ticks)), Peer(_yes)]

    def __enter__(self) -> Self:
        for each in self.servers:
            self._open.enter_context(each)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def deploy(self) -> None:
        """Put it in operation, then begin a rollout that takes longer than anybody attacks."""
        metrics, hooks = self.servers
        gate = {"name": "gate", "type": "rollout", "url": f"{hooks.url}/", "timeout": "1s"}
        analysis = {
            "interval": f"{INTERVAL_S:g}s",
            "threshold": 1000,
            "stepWeight": 1,
            "maxWeight": 100,
            "metrics": [
                {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}},
                {"name": "own", "interval": "1m", "thresholdRange": {"min": 99}, "templateRef": {"name": "own"}},
            ],
            "webhooks": [gate],
            "alerts": [{"name": "told", "severity": "info", "providerRef": {"name": "told"}}],
        }
        self.app.lab.kubectl("create", "namespace", NAME)
        self.app.lab.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": self._own(hooks.url)}))
        self.app.deploy(metricsServer=metrics.url, analysis=analysis)
        self.app.until("Initialized")
        self.app.image("v2")
        self.app.until("Progressing")

    def _own(self, url: str) -> list[dict[str, Any]]:
        def ours(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
            metadata = {"name": name, "namespace": NAME}
            return {"apiVersion": "flagger.app/v1beta1", "kind": kind, "metadata": metadata, "spec": spec}

        return [
            ours("AlertProvider", "told", {"type": "slack", "address": f"{url}/alerts"}),
            ours(
                "MetricTemplate",
                "own",
                {
                    "provider": {"type": "prometheus", "address": self.servers[0].url, "secretRef": {"name": "own"}},
                    "query": "victims",
                },
            ),
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "own", "namespace": NAME},
                "stringData": {"token": secret_of(NAME)},
            },
        ]
