"""Gates that people and pipelines open and close. In memory: after a restart all are closed."""

from enum import Enum
from typing import Final, TypeAlias

from canary_adapters.shares import Shares

__all__ = ["MOST_OPEN", "Gates", "Kind", "TooManyGatesError"]

MOST_OPEN: Final = 10_000


class Kind(Enum):
    """What a gate is asked about."""

    GATE = "gate"
    """May the rollout go on?"""
    ROLLBACK = "rollback"
    """Must it be rolled back?"""


_Key: TypeAlias = tuple[Kind, str, str]


class TooManyGatesError(Exception):
    """So many gates are open that this namespace may open no other."""


class Gates:
    """The gates that are open; every other is closed."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        """All closed.

        Args:
            most: So many can be open at once, of which namespaces have shares.
        """
        self._shares = Shares(most)
        self._open: set[_Key] = set()

    def open(self, kind: Kind, name: str, namespace: str) -> None:
        """Open one; twice is the same as once.

        Raises:
            TooManyGatesError: Too many are open.
        """
        key = (kind, name, namespace)
        if key in self._open:
            return
        if not self._shares.free(namespace):
            raise TooManyGatesError
        self._shares.take(namespace)
        self._open.add(key)

    def close(self, kind: Kind, name: str, namespace: str) -> None:
        """Close one; twice is the same as once."""
        key = (kind, name, namespace)
        if key in self._open:
            self._open.remove(key)
            self._shares.give_back(namespace)

    def is_open(self, kind: Kind, name: str, namespace: str) -> bool:
        """Whether it is open."""
        return (kind, name, namespace) in self._open

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)
