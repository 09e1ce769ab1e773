"""Watches: the changes of a resource as a stream of events, with bookmarks and an end."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterable
from typing import Any

from canary_lab.cluster.api import Api
from canary_lab.cluster.errors import ApiError, status
from canary_lab.cluster.kinds.views import to_view
from canary_lab.cluster.lists import ListOptions
from canary_lab.cluster.negotiate import Format
from canary_lab.cluster.resources import Resource
from canary_lab.cluster.store import Event, Expired, Obj
from canary_lab.cluster.tables import partial, table

BOOKMARK_EVERY = 60.0
"""Seconds between bookmarks."""
BOOKMARK_BEFORE_END = 2.0
"""Seconds before the end of a watch at which the last bookmark comes."""
_MINIMUM = 1800.0
_CHANCE = random.Random()
_INITIAL_END = {"k8s.io/initial-events-end": "true"}

Found = tuple[str, Obj]
"""The type of an event and its object as it is stored."""


class Watch:
    """One watch of one client."""

    def __init__(self, api: Api, resource: Resource, namespace: str, options: ListOptions, format_: Format) -> None:
        self._api, self._resource, self._namespace = api, resource, namespace
        self._options, self._format = options, format_
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._headed = False
        self._sent = 0
        """The version that the client knows of."""
        self._error: Obj | None = None
        self._first = self._begin()
        self._unsubscribe = api.store.subscribe(self._heard)
        api.redefined.append(self._redefined)

    def _heard(self, event: Event) -> None:
        if event.store == self._resource.store:
            self._queue.put_nowait(event)

    def _redefined(self, store: str) -> None:
        """Whoever watches a kind whose definition is replaced has to come again."""
        if store == self._resource.store:
            self.end()

    def end(self) -> None:
        """Ends the watch after what has happened so far."""
        self._queue.put_nowait(None)

    def _begin(self) -> list[Found]:
        """The events that come before anything new; decided at once, so that no change is missed."""
        store, options = self._api.store, self._options
        version = options.version
        if version and not version.isdigit():
            why = f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
            raise ApiError(500, "", why)
        present = options.initial or (options.initial is None and version in ("", "0"))
        self._sent = store.rv
        if present:
            found = store.all(self._resource.store, self._namespace)
            return [("ADDED", o) for o in found if options.matches(o)]
        if version in ("", "0"):
            return []
        self._sent = int(version)
        try:
            events = store.since(self._resource.store, int(version))
        except Expired:
            why = f"too old resource version: {version} ({store.floor})"
            self._error = status(410, "Expired", why)
            return []
        return [found for event in events for found in self._select(event)]

    def _select(self, event: Event) -> Iterable[Found]:
        """What a change looks like to one who sees only the selected objects."""
        if self._namespace and event.key[0] != self._namespace:
            return
        now = event.type != "DELETED" and self._options.matches(event.obj)
        before = event.old is not None and self._options.matches(event.old)
        if now:
            yield ("MODIFIED" if before else "ADDED"), event.obj
        elif before and event.old is not None:
            shown = event.obj if event.type == "DELETED" else event.old
            meta = {**shown["metadata"], "resourceVersion": str(event.rv)}
            yield "DELETED", {**shown, "metadata": meta}

    def _line(self, type_: str, obj: Obj) -> bytes:
        if type_ != "ERROR":
            obj = self._shown(to_view(self._resource, obj))
        return json.dumps({"type": type_, "object": obj}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    def _shown(self, obj: Obj) -> Obj:
        form = self._format
        if form.transform == "Table":
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            heads, self._headed = not self._headed, True
            return table(self._resource, [obj], meta, version=form.version, include=form.include, heads=heads)
        return partial(obj, form.version) if form.transform else obj

    def _bookmark(self, annotations: dict[str, str] | None = None) -> bytes:
        self._sent = self._api.store.rv
        meta: dict[str, Any] = {"resourceVersion": str(self._sent)}
        if annotations:
            meta["annotations"] = annotations
        empty: Obj = {"kind": self._resource.kind, "apiVersion": self._resource.api_version}
        if not self._resource.custom:
            empty, _ = self._api.codec.decode(self._resource, {})
        return self._line("BOOKMARK", {**empty, "metadata": meta})

    async def lines(self) -> AsyncIterator[bytes]:
        """The events as lines of JSON, until the watch ends."""
        try:
            if self._error:
                yield self._line("ERROR", self._error)
                return
            for type_, obj in self._first:
                yield self._line(type_, obj)
            if self._options.initial and self._options.bookmarks:
                yield self._bookmark(_INITIAL_END)
            async for line in self._follow():
                yield line
        finally:
            self._unsubscribe()
            self._api.redefined.remove(self._redefined)

    async def _follow(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        seconds = self._options.timeout or _MINIMUM * (1 + _CHANCE.random())
        end = loop.time() + seconds
        last_mark = end - BOOKMARK_BEFORE_END
        next_mark = min(loop.time() + BOOKMARK_EVERY, last_mark)
        while (now := loop.time()) < end:
            wake = next_mark if self._options.bookmarks and next_mark > now else end
            try:
                event = await asyncio.wait_for(self._queue.get(), wake - now)
            except TimeoutError:
                if self._options.bookmarks and wake < end and self._api.store.rv > self._sent:
                    yield self._bookmark()
                next_mark = min(loop.time() + BOOKMARK_EVERY, last_mark)
                continue
            if event is None:
                return
            for type_, obj in self._select(event):
                self._sent = event.rv
                yield self._line(type_, obj)
