"""Attacks by what is declared."""

from __future__ import annotations

from typing import Any

from attackers.place import Place, attacker

_OPENINGS = r"\{\{|query"


def _check(query: str, name: str = "own", **more: Any) -> dict[str, Any]:
    return {"name": name, "interval": "1m", "thresholdRange": {"min": 0}, "query": query, **more}


@attacker(told=_OPENINGS)
def query_that_is_not_closed(place: Place) -> None:
    """Two braces, and nothing but blanks after them."""
    place.roll_out(place.canary(metrics=[_check("{{" + " " * 60_000)]))


@attacker(told=r"\bvictim\.victim\b")
def host_of_another_namespace(place: Place) -> None:
    """Routes of his own for a host of the victim's."""
    victim = place.around.victim
    place.roll_out(place.canary(service={"hosts": [f"{victim}.{victim}.svc.cluster.local"]}))
