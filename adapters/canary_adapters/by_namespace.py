"""What is kept between requests, apart for each namespace: nothing of one is ever used for another, or displaces it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["ByNamespace"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByNamespace(Generic[K, V]):
    """Things by namespace and key; those that were used least recently go. Safe for many threads.

    What goes is not closed, as somebody may be using it: it ends with its last user.
    """

    def __init__(self, *, each: int, namespaces: int) -> None:
        """Makes one that is empty.

        Args:
            each: Things of one namespace.
            namespaces: Of which there are any.
        """
        self._each, self._namespaces = each, namespaces
        self._kept: OrderedDict[str, OrderedDict[K, V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, namespace: str, key: K, make: Callable[[], V]) -> V:
        """The thing of a namespace, which is made if it is not there."""
        with self._lock:
            own = self._kept.setdefault(namespace, OrderedDict())
            self._kept.move_to_end(namespace)
            found = own[key] if key in own else make()
            own[key] = found
            own.move_to_end(key)
            while len(own) > self._each:
                own.popitem(last=False)
            while len(self._kept) > self._namespaces:
                self._kept.popitem(last=False)
            return found

    def clear(self) -> list[V]:
        """Keep nothing any more.

        Returns:
            What was kept, to be closed.
        """
        with self._lock:
            found = [thing for own in self._kept.values() for thing in own.values()]
            self._kept.clear()
            return found

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._kept.values()))
