"""What everybody may read of the cluster while an arena runs: phases, conditions, events, and who wrote what."""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any, Final

from canary_adapters.kubernetes.store.acceptance import DECLARED
from canary_adapters.kubernetes.store.memory import as_meant
from laboratories.observed import Write

__all__ = ["Witness"]

REMEMBERED: Final = 64
"""Specs of a Canary that are known again."""
_CANARIES, _EVENTS = "flagger.app/canaries", "core/events"


class Witness:
    """Hears every write; the thread of the cluster calls it, any thread may ask it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._phases: dict[tuple[str, str], str] = {}
        self._specs: dict[tuple[str, str], deque[Any]] = {}
        self._told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        """Statuses of Canaries and Events, by namespace, oldest first."""

    def hear(self, write: Write) -> None:
        """One more write."""
        if write.store not in {_CANARIES, _EVENTS}:
            return
        key = (write.obj["metadata"]["namespace"], write.obj["metadata"]["name"])
        said = write.obj if write.store == _EVENTS else self._status(key, write.obj)
        with self._changed:
            self._told[key[0]].append(said)
            if write.store == _CANARIES and isinstance(said, dict):
                self._phases[key] = str(said.get("phase"))
                self._changed.notify_all()

    def _status(self, key: tuple[str, str], canary: dict[str, Any]) -> dict[str, Any]:
        """The status, without the copy of a spec that its owner himself has put into this very object."""
        specs = self._specs.setdefault(key, deque(maxlen=REMEMBERED))
        if not specs or specs[-1] != canary.get("spec"):
            specs.append(canary.get("spec"))
        status: dict[str, Any] = as_meant(canary.get("status"))
        rollout = status.get("rollout")
        if not isinstance(rollout, dict) or rollout.get(DECLARED) not in specs:
            return status
        return {**status, "rollout": {key: value for key, value in rollout.items() if key != DECLARED}}

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
