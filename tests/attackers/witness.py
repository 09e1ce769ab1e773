"""What everybody may read of the cluster while an arena runs: phases, conditions, events, and who wrote what."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from canary_lab.cluster.store import Event

__all__ = ["Witness"]

_CANARIES, _EVENTS = "flagger.app/canaries", "core/events"


class Witness:
    """Hears every write; the thread of the cluster calls it, any thread may ask it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._phases: dict[tuple[str, str], str] = {}
        self._told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        """Statuses of Canaries and Events, by namespace, oldest first."""

    def hear(self, event: Event) -> None:
        """One more write."""
        if event.store not in {_CANARIES, _EVENTS} or event.type == "DELETED":
            return
        said = event.obj if event.store == _EVENTS else event.obj.get("status") or {}
        with self._changed:
            self._told[event.key[0]].append(said)
            if event.store == _CANARIES and isinstance(said, dict):
                self._phases[event.key] = str(said.get("phase"))
                self._changed.notify_all()

    def until_phase(self, namespace: str, name: str, phase: str, seconds: float) -> bool:
        """Wait for a canary to be in a phase.

        Returns:
            Whether it came to be.
        """
        with self._changed:
            return self._changed.wait_for(lambda: self._phases.get((namespace, name)) == phase, seconds)

    def told(self, namespace: str) -> str:
        """All events and statuses there ever were in a namespace, as one JSON text a line."""
        return "\n".join(json.dumps(each, ensure_ascii=False) for each in tuple(self._told.get(namespace, ())))

    def messages(self, namespace: str) -> Iterator[str]:
        """What the events and the conditions of a namespace said to people."""
        for each in tuple(self._told.get(namespace, ())):
            conditions = each.get("conditions")
            for condition in conditions if isinstance(conditions, list) else ():
                yield str(condition.get("message")) if isinstance(condition, dict) else ""
            yield str(each.get("message", ""))

    @property
    def namespaces(self) -> frozenset[str]:
        """Of which something was told."""
        return frozenset(self._told)
