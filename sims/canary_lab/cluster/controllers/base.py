"""How controllers run: each change of an object puts keys into a queue; one key at a time is looked at."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from canary_lab.cluster.api import Api
from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.store import Event, Key, Obj

_LOG = logging.getLogger(__name__)
EVENTS = ("", "v1", "events")


class Controller:
    """Brings one kind of thing to the state that was asked for."""

    store = ""
    """The store whose objects are the keys, unless `keys` says otherwise."""

    def __init__(self, api: Api, loop: Loop) -> None:
        self.api, self.loop = api, loop

    def keys(self, event: Event) -> Iterable[Key]:
        """What to look at after a change."""
        return (event.key,) if event.store == self.store else ()

    def look(self, key: Key) -> None:
        """Looks at one thing and does what is needed now."""
        raise NotImplementedError

    def again(self, key: Key, seconds: float) -> None:
        """Looks at it once more after that time."""
        self.loop.later(seconds, self, key)


class Loop:
    """Runs controllers in the event loop of the server, a step at a time between requests."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._loop = asyncio.get_running_loop()
        self._controllers: list[Controller] = []
        self._queue: deque[tuple[Controller, Key]] = deque()
        self._queued: set[tuple[int, Key]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._stopped = False
        self._unsubscribe = api.store.subscribe(self._heard)

    def add(self, controller: Controller) -> None:
        """Runs one more controller, which first sees all that is there."""
        self._controllers.append(controller)
        for store, key, obj in self._api.store.everything():
            for wanted in controller.keys(Event(0, "ADDED", store, key, obj, None)):
                self._enqueue(controller, wanted)

    def stop(self) -> None:
        """Ends all."""
        self._stopped = True
        self._unsubscribe()
        for timer in self._timers:
            timer.cancel()

    def _heard(self, event: Event) -> None:
        for controller in self._controllers:
            for key in controller.keys(event):
                self._enqueue(controller, key)

    def _enqueue(self, controller: Controller, key: Key) -> None:
        mark = (id(controller), key)
        if mark in self._queued or self._stopped:
            return
        self._queued.add(mark)
        self._queue.append((controller, key))
        self._loop.call_soon(self._step)

    def _step(self) -> None:
        if self._stopped or not self._queue:
            return
        controller, key = self._queue.popleft()
        self._queued.discard((id(controller), key))
        try:
            controller.look(key)
        except ApiError as e:
            _LOG.debug("%s of %s: %s", type(controller).__name__, key, e)
            if e.code == 409:  # somebody was faster
                self._enqueue(controller, key)

    def later(self, seconds: float, controller: Controller, key: Key) -> None:
        """Looks at something after that time."""

        def due() -> None:
            self._timers.discard(timer)
            self._enqueue(controller, key)

        timer = self._loop.call_later(max(0.0, seconds), due)
        self._timers.add(timer)


def reference(obj: Obj, **more: Any) -> Obj:
    """An owner reference to an object that controls others."""
    meta = obj["metadata"]
    found = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**found, "controller": True, "blockOwnerDeletion": True, **more}


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference of the controller of an object."""
    return next((r for r in obj["metadata"].get("ownerReferences") or () if r.get("controller")), None)


def record(api: Api, about: Obj, component: str, reason: str, message: str, type_: str = "Normal") -> None:
    """Writes an Event about an object."""
    meta = about["metadata"]
    namespace = meta.get("namespace") or "default"
    names = ("name", "namespace", "uid", "resourceVersion")
    involved = {"kind": about["kind"], "apiVersion": about["apiVersion"], **{k: meta[k] for k in names if k in meta}}
    now = timestamp()
    event = {
        "metadata": {"name": f"{meta['name']}.{time.time_ns():016x}"},
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": type_,
        "reportingComponent": component,
    }
    try:
        api.make(EVENTS, namespace, event)
    except ApiError:
        return  # a namespace that is going away takes no events
