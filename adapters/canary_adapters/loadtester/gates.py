"""Gates that people and pipelines open and close. In memory: after a restart all are closed."""

from enum import Enum
from typing import Final, TypeAlias

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
    """So many gates are open that no other can be."""


class Gates:
    """The gates that are open; every other is closed."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        """All closed.

        Args:
            most: So many can be open at once.
        """
        self._most = most
        self._open: set[_Key] = set()

    def open(self, kind: Kind, name: str, namespace: str) -> None:
        """Open one; twice is the same as once.

        Raises:
            TooManyGatesError: Too many are open.
        """
        key = (kind, name, namespace)
        if key not in self._open and len(self._open) >= self._most:
            raise TooManyGatesError
        self._open.add(key)

    def close(self, kind: Kind, name: str, namespace: str) -> None:
        """Close one; twice is the same as once."""
        self._open.discard((kind, name, namespace))

    def is_open(self, kind: Kind, name: str, namespace: str) -> bool:
        """Whether it is open."""
        return (kind, name, namespace) in self._open

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)
