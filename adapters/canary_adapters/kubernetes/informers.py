"""Caches that watches keep up to date: `kubernetes.informer`, on raw JSON, and told of what it must not do.

The informer of the official client lists and watches; here it is given a source that pages, filters, backs off and
notices dead connections, and a cache without the fields that nobody reads.
"""

import logging
import random
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog
import urllib3
from kubernetes.client.exceptions import ApiException
from kubernetes.informer import ADDED, BOOKMARK, DELETED, MODIFIED, ObjectCache, SharedInformer
from kubernetes.informer import informer as library

from canary_adapters.kubernetes.api import Api, Page, UnknownKindError
from canary_adapters.kubernetes.resources import Obj, Resource
from canary_ports import PortError

__all__ = ["Informers"]

WATCH_S: Final = 300
"""How long a watch lasts before it is opened anew, seconds; up to twice that, so that they do not end together."""
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 30.0
SHORT: Final = 64
"""Characters of a text that may well stand in many objects."""
_CHANCE: Final = random.Random()
"""Of its own, so that whoever seeds or watches the global one is not disturbed from another thread."""
_log = structlog.get_logger("canary.informers")
_here = threading.local()
"""Whether the informer of this thread is to end."""


def _is_worth_saying(_: logging.LogRecord) -> bool:
    """What breaks off because it was to end is no news, and its traceback would look like a crash."""
    stopped: threading.Event | None = getattr(_here, "stopped", None)
    return stopped is None or not stopped.is_set()


logging.getLogger(library.__name__).addFilter(_is_worth_saying)


class Informers:
    """The caches of several kinds of objects: a `canary_adapters.kubernetes.cluster.Reader`."""

    def __init__(
        self,
        api: Api,
        resources: Iterable[Resource],
        *,
        namespace: str | None = None,
        on_change: Callable[[Resource, Obj], None],
    ) -> None:
        """Makes them; nothing is asked yet.

        Args:
            api: The API server.
            resources: The kinds.
            namespace: The only one that is watched. None: all.
            on_change: Called with each object that came, changed or went, after the cache has it; from several
                threads. It must not take long.
        """
        self._each = {
            resource: _Informer(_Source(api, resource, namespace), resource, on_change) for resource in resources
        }

    def start(self) -> None:
        """Begin to list and watch, in the background."""
        for informer in self._each.values():
            informer.start()

    def stop(self) -> None:
        """End all watches."""
        for informer in self._each.values():
            informer.end()
        for informer in self._each.values():
            informer.stop()

    def wait(self, timeout_s: float) -> bool:
        """Wait until everything that there is has been listed once.

        Returns:
            Whether it has.
        """
        return all(informer.source.known.wait(timeout_s) for informer in self._each.values())

    @property
    def synced(self) -> bool:
        """Whether everything that there is has been listed once."""
        return all(informer.source.known.is_set() for informer in self._each.values())

    @property
    def alive(self) -> bool:
        """Whether the threads that keep the caches up to date still run."""
        return all(informer.alive for informer in self._each.values())

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """One object. None: there is none. Do not change it."""
        found: Obj | None = self._each[resource].cache.get_by_key(f"{namespace}/{name}")
        return found

    def list(self, resource: Resource, namespace: str | None = None) -> list[Obj]:
        """All objects of a kind, in a namespace or in all. Do not change them."""
        cache = self._each[resource].cache
        found: list[Obj] = cache.list() if namespace is None else cache.list_of(namespace)
        return found

    @property
    def sizes(self) -> dict[Resource, Callable[[], int]]:
        """For each kind, what says how many objects of it there are."""
        return {resource: partial(_size, informer) for resource, informer in self._each.items()}

    def seen(self, resource: Resource) -> int:
        """The version up to which all changes of a kind are in the cache."""
        return self._each[resource].seen


class _Source:
    """Lists and watches one kind, in the form that the informer of the official client calls."""

    def __init__(self, api: Api, resource: Resource, namespace: str | None) -> None:
        self.known = threading.Event()
        """Set when the kind has been listed, or the server does not have it."""
        self._api, self._resource, self._namespace = api, resource, namespace
        self._stopped = threading.Event()
        self._stream: _Stream | None = None
        self._pause_s = 0.0

    def stop(self) -> None:
        """Ends all waiting, and the watch that is open or just being opened."""
        self._stopped.set()
        if self._stream is not None:
            self._stream.end()

    def __call__(self, *, watch: bool = False, resource_version: str = "0", **_: Any) -> Any:
        """List, or open a watch."""
        if watch:
            return self._watch(resource_version)
        return self._list()

    def _list(self) -> Page:
        while True:
            try:
                page = self._api.list(self._resource, self._namespace)
            except PortError as error:
                self._slower()
                self._tell(error)
                self._wait()
            else:
                self._pause_s = 0.0
                return page

    def _tell(self, error: PortError) -> None:
        if not isinstance(error, UnknownKindError):
            _log.warning("cannot list", resource=str(self._resource), error=str(error), again_in_s=self._pause_s)
        elif not self.known.is_set():
            # Nobody can have objects of a kind that the server does not know; it may learn it later.
            _log.info("a kind is not served, and looked for again", resource=str(self._resource))
            self.known.set()

    def _watch(self, resource_version: str) -> Any:
        self._wait()
        self._slower()  # until the watch has lasted
        timeout_s = WATCH_S + _CHANCE.randrange(WATCH_S)
        try:
            response = self._api.watch(
                self._resource, self._namespace, resource_version=resource_version, timeout_s=timeout_s
            )
        except PortError as error:
            raise ApiException(status=503, reason=str(error)) from error
        self._stream = _Stream(response, self._stopped)
        if self._stopped.is_set():  # `stop` has come too early to know of this one
            self._stream.end()
        return self._stream

    def lasted(self) -> None:
        """Told when something came through the watch."""
        self._pause_s = 0.0

    def _slower(self) -> None:
        self._pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, self._pause_s * 2))

    def _wait(self) -> None:
        if self._stopped.wait(self._pause_s * _CHANCE.uniform(0.5, 1.0)):
            raise ApiException(status=503, reason="stopping")


class _Stream:
    """What a watch brings; that it breaks off is no error when it was to end."""

    def __init__(self, response: "urllib3.BaseHTTPResponse", stopped: threading.Event) -> None:
        self._response, self._stopped = response, stopped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    def end(self) -> None:
        """Have whoever reads see the end now."""
        with suppress(ValueError, RuntimeError, OSError):  # it has ended already
            self._response.shutdown()

    def stream(self, *args: Any, **more: Any) -> Iterator[bytes]:
        """The pieces as they come."""
        try:
            yield from self._response.stream(*args, **more)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if not self._stopped.is_set():
                raise ApiException(status=503, reason=str(error)) from error


class _Cache(ObjectCache):
    """Keeps objects small: without what nobody reads, and with one copy of the words that stand in all of them.

    And it never goes back, should a watch tell once more of what is long past: who believed that would take a new
    revision back. Objects are kept by namespace as well, so that to list one costs what is in it, however many others
    there are.
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[str, dict[str, Obj]] = {}

    def list_of(self, namespace: str) -> list[Obj]:
        """All objects of a namespace."""
        with self._rlock:
            return list(self._places.get(namespace, {}).values())

    def _put(self, obj: Obj) -> None:
        if self._is_past(obj):
            return
        small = _small(obj)
        namespace, name = _place(small)
        with self._rlock:
            super()._put(small)
            self._places.setdefault(namespace, {})[name] = small

    def _remove(self, obj: Obj) -> None:
        if self._is_past(obj):
            return
        namespace, name = _place(obj)
        with self._rlock:
            super()._remove(obj)
            here = self._places.get(namespace, {})
            here.pop(name, None)
            if not here:
                self._places.pop(namespace, None)

    def _is_past(self, obj: Obj) -> bool:
        known = self.get(obj)
        return known is not None and _version(known) > _version(obj)

    def _replace_all(self, objects: Iterable[Obj]) -> None:
        every = [_small(obj) for obj in objects]
        places: dict[str, dict[str, Obj]] = {}
        for obj in every:
            namespace, name = _place(obj)
            places.setdefault(namespace, {})[name] = obj
        with self._rlock:
            super()._replace_all(every)
            self._places = places


def _place(obj: Obj) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _version(obj: Obj) -> int:
    return _number(obj["metadata"].get("resourceVersion"))


def _small(obj: Obj) -> Obj:
    """Without who wrote which field, which is often most of an object."""
    obj["metadata"].pop("managedFields", None)
    small: Obj = _shared(obj)
    return small


def _shared(value: Any) -> Any:
    """The same JSON, with names of fields and short texts that are kept once for all objects."""
    kind = type(value)
    if kind is str:
        return sys.intern(value) if len(value) <= SHORT else value
    if kind is dict:
        return {sys.intern(key): _shared(inner) for key, inner in value.items()}
    if kind is list:
        return [_shared(inner) for inner in value]
    return value


class _Informer(SharedInformer):
    """Tells of changes after the cache has them, also when it lists anew, and knows how far it has seen."""

    def __init__(self, source: _Source, resource: Resource, on_change: Callable[[Resource, Obj], None]) -> None:
        super().__init__(source)
        self._cache: _Cache = _Cache()
        self._listing = False
        self._held: list[Obj] = []
        self.source = source
        self.seen = 0

        def changed(obj: Obj) -> None:
            source.lasted()
            on_change(resource, obj)

        for kind in (ADDED, MODIFIED, DELETED):
            self.add_event_handler(kind, changed)

    def _run_loop(self) -> None:
        _here.stopped = self._stop_event
        super()._run_loop()

    @property
    def alive(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def end(self) -> None:
        """Ask it to stop, without waiting for it."""
        self._stop_event.set()
        self.source.stop()

    def stop(self) -> None:
        """Wait until it has ended.

        The library would stop its watch once more, which the thread may have let go of in the middle of that.
        """
        self.end()
        if self._thread is not None:
            self._thread.join()

    def _initial_list(self) -> None:
        self._listing = True
        try:
            super()._initial_list()
        finally:
            self._listing = False
        self.seen = max(self.seen, _number(self._resource_version))
        self.source.known.set()
        held, self._held = self._held, []
        for obj in held:
            super()._fire(MODIFIED, obj)

    def _fire(self, event_type: str, obj: Any) -> None:
        if event_type in {ADDED, MODIFIED, DELETED} and self._listing:
            self._held.append(obj)
            return
        if event_type == BOOKMARK:
            self.source.lasted()
        if isinstance(obj, dict):
            self._note(obj["metadata"].get("resourceVersion"))
        super()._fire(event_type, obj)

    def _note(self, version: str | None) -> None:
        """An event of this version came through the watch.

        The client reads versions only of what it makes instances of a class from, which here is nothing: the next
        watch would begin where the first list ended, and tell of everything since once more.
        """
        self.seen = max(self.seen, _number(version))
        if self._watch is not None and version:
            self._watch.resource_version = version


def _size(informer: _Informer) -> int:
    return len(informer.cache.list_keys())


def _number(version: str | None) -> int:
    try:
        return int(version or 0)
    except ValueError:
        return 0
