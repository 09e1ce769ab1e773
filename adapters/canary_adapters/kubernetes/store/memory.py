"""Where in a status a rollout is remembered, under definitions of Canary that do not know all of its fields.

The definition of this project keeps ``status.rollout``. Flagger's drops it, and ``status.observedGeneration``, without
a word, as Kubernetes does with every field that a schema does not name:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning
What it keeps is any text in ``status.trackedConfigs``. So the same is written there as well, in the same write,
whatever the definition is: it may be replaced at any time, in either direction, and nothing is lost.
"""

import json
import threading
from collections.abc import Mapping
from typing import Any, Final

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.store.conditions import with_generation

__all__ = ["KEY", "Definition", "as_meant", "as_sent"]

KEY: Final = "canary-core/status"
"""Key in ``status.trackedConfigs``. Flagger's own are ``configmap/NAME`` and ``secret/NAME``."""
_ROLLOUT: Final = "rollout"
_RECORD: Final = "record"
_DROPPED: Final = (_ROLLOUT, "observedGeneration", _RECORD)
_WITNESSES: Final = ("phase", "lastAppliedSpec", "lastPromotedSpec")
"""Fields that Flagger writes as well: if they differ from what they were, it was at work after the text was written."""
_TRACKED: Final = "trackedConfigs"
_SAID: Final = "said"


class Definition:
    """What is known of the server's definition of Canary. One for all canaries; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keeps: bool | None = None
        self._told: set[tuple[str, str]] = set()

    def note(self, answer: Obj) -> None:
        """Learn from what the server has made of a status with a rollout."""
        with self._lock:
            self._keeps = _ROLLOUT in (answer.get("status") or {})

    @property
    def drops(self) -> bool:
        """Whether the server is known to drop ``status.rollout``."""
        return self._keeps is False

    def is_news(self, namespace: str, name: str) -> bool:
        """Whether the server drops ``status.rollout`` and nobody was told so of a Canary. Each is told once."""
        with self._lock:
            if self._keeps is not False or (namespace, name) in self._told:
                return False
            self._told.add((namespace, name))
            return True

    def forget(self, namespace: str, name: str) -> None:
        """A Canary is gone."""
        with self._lock:
            self._told.discard((namespace, name))


def as_sent(status: Mapping[str, Any], definition: Definition) -> Obj:
    """A status as it is written.

    What people only look at is written twice where it is known to be dropped.
    """
    needed = _DROPPED if definition.drops else (_ROLLOUT, "observedGeneration")
    mine = {key: status[key] for key in needed if key in status}
    text = json.dumps({_SAID: _witnesses(status), **mine}, separators=(",", ":"), sort_keys=True)
    return {**status, _TRACKED: {**(status.get(_TRACKED) or {}), KEY: text}}


def as_meant(status: Mapping[str, Any] | None) -> Obj:
    """A status as it was meant when it was written, whatever the server has dropped of it since."""
    found = dict(status or {})
    tracked = found.get(_TRACKED)
    if not isinstance(tracked, dict) or KEY not in tracked:
        return found
    others = {key: value for key, value in tracked.items() if key != KEY}
    del found[_TRACKED]
    if others:
        found[_TRACKED] = others
    if found.get(_ROLLOUT):
        return with_generation(found)
    text = _read(tracked[KEY])
    if text.get(_SAID) != _witnesses(found):
        return found
    return with_generation({**found, **{key: text[key] for key in _DROPPED if key in text}})


def _witnesses(status: Mapping[str, Any]) -> list[Any]:
    return [status.get(key) for key in _WITNESSES]


def _read(text: object) -> Mapping[str, Any]:
    """What stands in a text; nothing in one that is none of ours."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
