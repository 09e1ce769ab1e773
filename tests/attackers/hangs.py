"""Attacks by servers that never answer, and by clients that never ask."""

from __future__ import annotations

import contextlib
import socket
from functools import partial
from typing import Final

from attackers.objects import check, hook
from attackers.place import Place, attacker, register
from peers.http_peers import silent

MANY_HOOKS: Final = 20
SLOW_CLIENTS: Final = 200
_TYPES: Final = (
    "confirm-rollout",
    "pre-rollout",
    "rollout",
    "confirm-traffic-increase",
    "confirm-promotion",
    "post-rollout",
    "rollback",
    "event",
)


def _hooks_that_hang(place: Place, kind: str) -> None:
    """Many of one type, each for as long as its timeout allows; a short rollout, so that each type has its turn."""
    url = place.server(silent()).url
    hooks = [hook(url, kind, f"hook-{n}", timeout="10m", retries=3) for n in range(MANY_HOOKS)]
    place.roll_out(place.canary(webhooks=hooks, stepWeight=50, maxWeight=50))


for each in _TYPES:
    register(f"hooks-that-hang-{each}", partial(_hooks_that_hang, kind=each))
for turn in (1, 2):
    register(f"hooks-that-hang-once-more-{turn}", partial(_hooks_that_hang, kind="rollout"))


@attacker()
def prometheus_that_hangs(place: Place) -> None:
    """Every check of a canary has a server of its own that takes the query and says nothing."""
    names = [f"{place.name}-{number}" for number in range(MANY_HOOKS)]
    url = place.server(silent()).url
    place.create(*(place.template(name, "up", address=f"{url}/{name}") for name in names))
    place.roll_out(place.canary(metrics=[check(name, templateRef={"name": name}) for name in names]))


@attacker()
def receiver_that_hangs(place: Place) -> None:
    """Takes alerts and says nothing."""
    name = f"{place.name}-receiver"
    place.create(place.receiver(name, address=place.server(silent()).url))
    alerts = [{"name": f"told-{n}", "severity": "info", "providerRef": {"name": name}} for n in range(MANY_HOOKS)]
    place.roll_out(place.canary(alerts=alerts))


@attacker()
def proxy_that_hangs(place: Place) -> None:
    """Stands before a receiver and says nothing."""
    name = f"{place.name}-receiver"
    place.create(place.receiver(name, address="http://127.0.0.2:1/", proxy=place.server(silent()).url))
    alerts = [{"name": "told", "severity": "info", "providerRef": {"name": name}}]
    place.roll_out(place.canary(alerts=alerts))


@attacker()
def handshakes_without_end(place: Place) -> None:
    """TLS is begun by the controller and never answered, for a hook, for metrics and for an alert."""
    url = place.server(silent()).url.replace("http:", "https:")
    name = f"{place.name}-own"
    place.create(place.template(name, "up", address=url), place.receiver(name, address=url))
    place.roll_out(
        place.canary(
            webhooks=[hook(url, timeout="10m")],
            metrics=[check(templateRef={"name": name})],
            alerts=[{"name": "told", "severity": "info", "providerRef": {"name": name}}],
        )
    )


def _slow_clients(place: Place, said: bytes) -> None:
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(SLOW_CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", place.around.status_port), 10))
            clients.append(client)
        for turn in place.again(1.0):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.sendall(said[turn : turn + 1])


register("clients-that-say-nothing", partial(_slow_clients, said=b""))
register("clients-that-drip", partial(_slow_clients, said=b"GET /metrics HTTP/1.1\r\nX-Slow: " + b"x" * 1000))
