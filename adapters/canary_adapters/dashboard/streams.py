"""Open pages, and which canaries have changed since each of them was sent any.

Of a page that takes its time no message is kept, only the names of what has changed: the newest state is sent when
there is room for it. So a page costs no more than the canaries have names.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, TypeAlias

from canary_adapters.dashboard.seen import Seen
from canary_adapters.kubernetes.resources import CANARIES, Obj, Resource
from canary_adapters.steering.view import CanaryView

__all__ = ["CrowdedError", "Hub", "Key", "Objects", "Stream"]

PAGES: Final = 64
"""Open at a time."""
OF_ONE: Final = 8
"""Of one caller."""
Key: TypeAlias = tuple[str, str]
"""Namespace and name."""


class Objects(Protocol):
    """The caches: `canary_adapters.kubernetes.informers.Informers`."""

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """One object. None: there is none."""

    def list(self, resource: Resource, namespace: str | None = None) -> list[Obj]:
        """All objects of a kind."""


class CrowdedError(Exception):
    """There are too many open pages."""


class Stream:
    """One open page. For one event loop."""

    def __init__(self, namespace: str | None) -> None:
        """Makes one.

        Args:
            namespace: Whose canaries it shows. None: of all.
        """
        self.namespace = namespace
        self._changed: dict[Key, None] = {}
        self._news = asyncio.Event()
        self.closed = False
        """Whether the server ends."""

    def mark(self, key: Key) -> None:
        """A canary has changed."""
        if self.namespace is None or key[0] == self.namespace:
            self._changed[key] = None
            self._news.set()

    def close(self) -> None:
        """The server ends."""
        self.closed = True
        self._news.set()

    async def changed(self, patience_s: float) -> list[Key]:
        """What has changed since it was asked last; empty: nothing within this time, or the server ends."""
        try:
            async with asyncio.timeout(patience_s):
                await self._news.wait()
        except TimeoutError:
            return []
        self._news.clear()
        found, self._changed = list(self._changed), {}
        return found


class Hub:
    """All open pages. `changed` may be called in any thread, the rest only in that of the event loop."""

    def __init__(self, objects: Objects, seen: Seen, *, now_s: Callable[[], float]) -> None:
        """Makes one.

        Args:
            objects: The canaries.
            seen: Remembers what they were like.
            now_s: The present time, seconds since the epoch.
        """
        self._objects, self._seen, self._now_s = objects, seen, now_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: dict[Stream, str] = {}

    def serve(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """From now on, pages are served by this loop; None: no more."""
        self._loop = loop

    def changed(self, obj: Obj) -> None:
        """A canary came, changed or went; the cache knows it already."""
        metadata = obj["metadata"]
        key: Key = (metadata["namespace"], metadata["name"])
        current = self._objects.get(CANARIES, *key)
        if current is None:
            self._seen.forget(*key)
        else:
            self._seen.look(CanaryView.of(current), self._now_s())
        loop = self._loop
        if loop is not None and self._open:
            with suppress(RuntimeError):  # it has ended just now
                loop.call_soon_threadsafe(self._mark, key)

    @property
    def pages(self) -> int:
        """How many are open."""
        return len(self._open)

    def _mark(self, key: Key) -> None:
        for stream in self._open:
            stream.mark(key)

    def open(self, caller: str, namespace: str | None) -> Stream:
        """Take in a page.

        Raises:
            CrowdedError: There are too many, or too many of this caller.
        """
        if len(self._open) >= PAGES or Counter(self._open.values())[caller] >= OF_ONE:
            raise CrowdedError
        stream = Stream(namespace)
        self._open[stream] = caller
        return stream

    def close(self, stream: Stream) -> None:
        """A page is gone."""
        self._open.pop(stream, None)

    def close_all(self) -> None:
        """The server ends."""
        for stream in self._open:
            stream.close()
