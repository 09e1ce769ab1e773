"""Attacks by servers that never answer, and by clients that never ask."""

from __future__ import annotations

from attackers.place import Place, attacker
from peers.http_peers import silent


@attacker()
def hook_that_hangs(place: Place) -> None:
    """As long as its timeout allows."""
    server = place.server(silent())
    hook = {"name": "hook", "type": "rollout", "url": server.url, "timeout": "10m", "retries": 3}
    place.roll_out(place.canary(webhooks=[hook]))
