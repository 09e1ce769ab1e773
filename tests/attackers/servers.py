"""Attacks by what servers answer."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from attackers.place import Place, attacker
from attackers.victim import whole
from peers.http_peers import answering


def _templated(place: Place, url: str, **provider: Any) -> None:
    """A rollout that is judged by a server of his own."""
    name = f"{place.name}-template"
    place.create(place.template(name, "up", address=url, **provider))
    check = {"name": "own", "interval": "1m", "thresholdRange": {"min": 0}, "templateRef": {"name": name}}
    place.roll_out(place.canary(metrics=[check]))


@attacker(planted=True)
def prometheus_that_repeats(place: Place) -> None:
    """An error with the token that was sent, as it is, in Base64 and percent-encoded."""
    secret = place.secret
    text = f"{secret} {base64.b64encode(secret.encode()).decode()} {quote(secret, safe='')}"
    server = place.server(answering(whole(text.encode(), status=400)))
    place.create(place.credentials(f"{place.name}-token", token=secret))
    _templated(place, server.url, secretRef={"name": f"{place.name}-token"})


@attacker()
def hook_with_a_cookie(place: Place) -> None:
    """A cookie for whoever is on this host."""
    server = place.server(answering(whole(b"{}", f"Set-Cookie: team={place.cookie}; Path=/")))
    hook = {"name": "hook", "type": "rollout", "url": server.url, "timeout": "1s"}
    place.roll_out(place.canary(webhooks=[hook]))
