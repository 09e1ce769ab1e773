"""What keeps a rollout from beginning, although all that is declared can be read; one that is under way goes on.

Weights that have no effect make an analysis worthless, and objects that are somebody else's cannot be made: better to
say so before anything moves than in the middle. But whoever has requests on a canary needs somebody who judges it.
"""

import threading
from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

from canary_adapters.controller.interests import Key
from canary_core import Phase, Rollout
from canary_ports import Ports, RefusedError

__all__ = ["GivesWay", "Objects", "Obstacles"]

_UNDER_WAY: Final = frozenset(
    {
        Phase.PROGRESSING,
        Phase.WAITING_PROMOTION,
        Phase.PROMOTING,
        Phase.FINALISING,
        Phase.TERMINATING,
        Phase.TERMINATED,
    }
)


@runtime_checkable
class Objects(Protocol):
    """A port that knows why no rollout should begin."""

    def objection(self) -> RefusedError | None:
        """Why. None: it may."""
        ...


@runtime_checkable
class GivesWay(Protocol):
    """A router that takes back what it must not have any more, whatever the state of the rollout."""

    def give_way(self) -> None:
        """Take it back; nothing is written if there is nothing of the kind."""
        ...


class Obstacles:
    """Looks for them before each tick, and tells of each of them once while a rollout is under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[Key, str] = {}

    def check(self, key: Key, ports: Ports, tell: Callable[[str], None]) -> None:
        """Refuse to begin a rollout that there is an objection to.

        Args:
            key: The canary.
            ports: Its outside.
            tell: Tells people of an objection to what goes on nevertheless.

        Raises:
            RefusedError: The objection.
            PortError: The outside failed.
        """
        objection = _objection(ports)
        if objection is None:
            self.forget(key)
            return
        if isinstance(ports.router, GivesWay):
            ports.router.give_way()
        stored = ports.store.load()
        if not stored.deleting and not _is_under_way(stored.rollout):
            self.forget(key)
            raise objection
        with self._lock:
            known, self._told[key] = self._told.get(key), objection.message
        if known != objection.message and not stored.deleting:
            tell(objection.message)

    def forget(self, key: Key) -> None:
        """A canary is gone, or there is no objection to it any more."""
        with self._lock:
            self._told.pop(key, None)


def _objection(ports: Ports) -> RefusedError | None:
    for port in (ports.router, ports.workload):
        found = port.objection() if isinstance(port, Objects) else None
        if found is not None:
            return found
    return None


def _is_under_way(rollout: Rollout) -> bool:
    return rollout.phase in _UNDER_WAY or rollout.traffic.reaches_canary
