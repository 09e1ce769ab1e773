"""Kubernetes Events of canaries, as Flagger records them: sent in the background, repeated ones counted.

Namespaces have turns, so that many events of one delay those of another by one request each, and displace none.
"""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog
from attrs import frozen

from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.resources import CANARIES, EVENTS, Obj
from canary_adapters.kubernetes.store.status import rfc3339
from canary_adapters.plain_text import one_line
from canary_adapters.shares import Pending
from canary_core import Notice, Rollout
from canary_core.messages import Names, is_warning, message
from canary_ports import ConflictError, PortError

__all__ = ["EventNotifier", "EventRecorder"]

REASON: Final = "Synced"
COMPONENT: Final = "flagger"
"""As with Flagger: dashboards and scripts select events by it."""
WINDOW_S: Final = 600.0
"""An equal event within this time is counted, not made anew."""
LONGEST: Final = 1024
"""Characters of a message; the API server refuses more."""
PENDING: Final = 10_000
_REMEMBERED: Final = 4096
_IDENTITY: Final = ("namespace", "name", "uid", "resourceVersion")
_log = structlog.get_logger("canary.events")


@frozen
class _Canary:
    namespace: str
    name: str


@frozen
class _Event:
    obj: Obj
    warning: bool
    text: str
    at_s: float

    @property
    def key(self) -> tuple[str, bool, str]:
        """What makes two events equal."""
        return self.obj["metadata"]["uid"], self.warning, self.text

    @property
    def canary(self) -> _Canary:
        """Whose it is."""
        return _Canary(self.obj["metadata"]["namespace"], self.obj["metadata"]["name"])


@frozen
class _Sent:
    canary: _Canary
    at_s: float
    obj: Obj


class EventRecorder:
    """Sends events, one after the other, in a thread of its own. What cannot be sent is logged and dropped."""

    def __init__(self, api: Api, *, now_s: Callable[[], float]) -> None:
        """Makes one, and begins.

        Args:
            api: The API server.
            now_s: Wall-clock time.
        """
        self._api, self._now_s = api, now_s
        self._pending: Pending[_Event | _Canary] = Pending(PENDING)
        """What is to be sent, and canaries of which nothing more will be."""
        self._changed = threading.Condition()
        self._closed, self._sending = False, False
        self._sent: OrderedDict[tuple[str, bool, str], _Sent] = OrderedDict()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def record(self, obj: Obj, text: str, *, warning: bool) -> None:
        """Record an event of a Canary. It takes no time.

        Args:
            obj: The Canary.
            text: What happened; made plain, and cut at `LONGEST` characters.
            warning: Whether it is of type Warning.
        """
        # Nothing else of the object: it may be large, and many may wait.
        event = _Event(_identity(obj), warning, one_line(text, LONGEST), self._now_s())
        with self._changed:
            self._pending.add(event.canary.namespace, event)
            self._changed.notify()

    def forget(self, namespace: str, name: str) -> None:
        """A canary is gone: keep nothing of it once its last events are sent."""
        with self._changed:
            self._pending.add(namespace, _Canary(namespace, name))
            self._changed.notify()

    @property
    def pending(self) -> int:
        """Events that are still to be sent, the one that is being sent included."""
        with self._changed:
            return len(self._pending) + self._sending

    def close(self, timeout_s: float) -> None:
        """Send what is pending, as far as the time allows, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._sending = False
                while (event := self._pending.take()) is None:
                    if self._closed:
                        return
                    self._changed.wait()
                self._sending = True
            if isinstance(event, _Canary):
                self._drop(event)
                continue
            try:
                self._send(event)
            except PortError as error:
                _log.warning("an event could not be recorded", text=event.text, error=str(error))
            except Exception:  # noqa: BLE001 - a mistake with one event must not end the others
                _log.exception("an event could not be recorded")

    def _send(self, event: _Event) -> None:
        before = self._sent.pop(event.key, None)
        sent = None
        if before is not None and event.at_s - before.at_s < WINDOW_S:
            sent = self._count(event, before.obj)
        if sent is None:
            sent = self._api.create(EVENTS, event.obj["metadata"]["namespace"], _made(event))
        kept = {**_identity(sent), "count": sent.get("count")}
        self._sent[event.key] = _Sent(event.canary, event.at_s, kept)
        while len(self._sent) > _REMEMBERED or self._oldest_s() < event.at_s - WINDOW_S:
            self._sent.popitem(last=False)

    def _oldest_s(self) -> float:
        return next(iter(self._sent.values())).at_s

    def _drop(self, canary: _Canary) -> None:
        for key in [key for key, sent in self._sent.items() if sent.canary == canary]:
            del self._sent[key]

    def _count(self, event: _Event, sent: Obj) -> Obj | None:
        """None: the earlier one is gone, or not as it was."""
        changes = {"count": int(sent.get("count") or 1) + 1, "lastTimestamp": rfc3339(event.at_s)}
        try:
            return self._api.patch(EVENTS, sent, changes)
        except ConflictError:
            return None


def _identity(obj: Obj) -> Obj:
    return {"metadata": {key: obj["metadata"][key] for key in _IDENTITY}}


def _made(event: _Event) -> Obj:
    metadata = event.obj["metadata"]
    now = rfc3339(event.at_s)
    return {
        "metadata": {"name": f"{metadata['name'][:200]}.{uuid.uuid4().hex[:16]}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": CANARIES.api_version,
            "kind": CANARIES.kind,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": "Warning" if event.warning else "Normal",
        "reason": REASON,
        "message": event.text,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


class EventNotifier:
    """Notices as events: a `canary_ports.Notifier`."""

    def __init__(self, recorder: EventRecorder, obj: Obj, names: Names) -> None:
        """Makes one for a tick.

        Args:
            recorder: Sends them.
            obj: The Canary.
            names: For the texts.
        """
        self._recorder, self._obj, self._names = recorder, obj, names

    def tell(self, notice: Notice, rollout: Rollout) -> None:  # noqa: ARG002 - an event does not show the state
        """Record a notice."""
        self._recorder.record(self._obj, message(notice, self._names), warning=is_warning(notice))
