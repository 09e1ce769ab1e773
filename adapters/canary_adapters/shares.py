"""How what there is little of is shared by namespaces: places, turns, and room to wait."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Pending", "Shares", "Turns"]

K = TypeVar("K", bound=Hashable)


class Shares:
    """Who has how many places. Not safe for threads: whoever asks holds a lock of his own.

    A namespace may have a further place as long as it has fewer than are free. So one alone gets half of them, several
    that want all they can get come to have the same number each, and that number is left for the next one.

    Where a further place costs little, the first one of each namespace is its own, beyond those that are shared: nobody
    else can have it, so it is free whatever the others do.
    """

    def __init__(self, most: int, *, own: int = 0) -> None:
        """All are free.

        Args:
            most: Shared places, of all namespaces together.
            own: So many namespaces at a time may have a place of their own besides; a further one has none at all.
        """
        self._most, self._own = most, own
        self._held: Counter[str] = Counter()
        self._taken = 0
        """Shared places that are taken."""

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
        held = self._held.get(namespace, 0)
        if self._own and not held and len(self._held) >= self._own:
            return 0
        further = max(0, -(-(self._most - self._taken - self._shared(held)) // 2))
        return further + (1 if self._own and not held else 0)

    def take(self, namespace: str, count: int = 1) -> None:
        """Take places, of which so many are `free` for the namespace."""
        self._change(namespace, count)

    def give_back(self, namespace: str, count: int = 1) -> None:
        """Places of a namespace are free again. Of one that has none left nothing is kept."""
        self._change(namespace, -count)

    def _change(self, namespace: str, count: int) -> None:
        before = self._held.get(namespace, 0)
        after = before + count
        self._taken += self._shared(after) - self._shared(before)
        if after:
            self._held[namespace] = after
        else:
            self._held.pop(namespace, None)

    def _shared(self, held: int) -> int:
        """How many of the places of a namespace are shared ones."""
        return max(0, held - 1) if self._own else held


class Turns(Generic[K]):
    """Who waits: namespaces in turns, and those of each in their order. Not safe for threads."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, OrderedDict[K, None]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, namespace: str, key: K) -> None:
        """Wait, behind all of the namespace that do already; who does stays where he is."""
        self._waiting.setdefault(namespace, OrderedDict())[key] = None

    def take(self, may: Callable[[str], object] = lambda _: True) -> K | None:
        """Whose turn it is; he waits no more, and the next turn is that of another namespace.

        Args:
            may: Whether a namespace may have a turn now.
        """
        namespace = next((each for each in self._waiting if may(each)), None)
        if namespace is None:
            return None
        waiting = self._waiting.pop(namespace)
        key, _ = waiting.popitem(last=False)
        if waiting:
            self._waiting[namespace] = waiting
        return key


class Pending(Generic[K]):
    """Things that wait, in order for each namespace; those have turns. Bounded. Not safe for threads."""

    def __init__(self, most: int) -> None:
        """Makes one that is empty.

        Args:
            most: Things of all namespaces. Of one more, the oldest of the namespace that has most is dropped.
        """
        self._most, self._count = most, 0
        self._waiting: OrderedDict[str, deque[K]] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    def add(self, namespace: str, thing: K) -> None:
        """Wait, behind all of the namespace that do already."""
        self._waiting.setdefault(namespace, deque()).append(thing)
        self._count += 1
        if self._count > self._most:
            self._first(max(self._waiting, key=lambda each: len(self._waiting[each])))

    def take(self) -> K | None:
        """What has waited longest in the namespace whose turn it is. None: nothing waits."""
        namespace = next(iter(self._waiting), None)
        if namespace is None:
            return None
        found = self._first(namespace)
        if namespace in self._waiting:
            self._waiting.move_to_end(namespace)
        return found

    def _first(self, namespace: str) -> K:
        found = self._waiting[namespace].popleft()
        self._count -= 1
        if not self._waiting[namespace]:
            del self._waiting[namespace]
        return found
