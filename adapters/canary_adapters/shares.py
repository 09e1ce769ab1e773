"""How places of which there are few are shared by namespaces."""

from collections import Counter

__all__ = ["Shares"]


class Shares:
    """Who has how many of so many places. Not safe for threads: whoever asks holds a lock of his own.

    A namespace may have a further place as long as it has fewer than are free. So one alone gets half of them, several
    that want all they can get come to have the same number each, and that number is left for the next one.
    """

    def __init__(self, most: int) -> None:
        """All are free.

        Args:
            most: Of all namespaces together, at least 1.
        """
        self._most = most
        self._held: Counter[str] = Counter()

    @property
    def held(self) -> dict[str, int]:
        """Who has any, and how many."""
        return dict(self._held)

    @property
    def taken(self) -> int:
        """Places that are taken."""
        return self._held.total()

    def free(self, namespace: str) -> int:
        """How often a namespace may take one more, one after the other."""
        return max(0, -(-(self._most - self._held.total() - self._held[namespace]) // 2))

    def take(self, namespace: str, count: int = 1) -> None:
        """Take places, of which so many are `free` for the namespace."""
        self._held[namespace] += count

    def give_back(self, namespace: str, count: int = 1) -> None:
        """Places of a namespace are free again. Of one that has none left nothing is kept."""
        self._held[namespace] -= count
        if not self._held[namespace]:
            del self._held[namespace]
