"""The page and its data over HTTP: a stream of changes (server-sent events), one canary, and the verbs.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from attrs import frozen

from canary_adapters.dashboard.callers import Caller, Door, TurnedAwayError
from canary_adapters.dashboard.page import HEADERS, the_page
from canary_adapters.dashboard.seen import Seen
from canary_adapters.dashboard.shown import detail, looked, summary
from canary_adapters.dashboard.streams import CrowdedError, Hub, Key, Objects, Stream
from canary_adapters.kubernetes.resources import CANARIES, Obj
from canary_adapters.steering.asking import Patience, ask, new_request
from canary_adapters.steering.desk import SteeringError
from canary_adapters.steering.following import looks_at
from canary_core import Verb

__all__ = ["Service", "Settings"]

HEARTBEAT_S: Final = 15.0
"""Between two signs of life of a stream; as often it is asked whether the caller still may see it."""
_PAUSE_S: Final = 0.2
"""Between two messages to a page: what changes meanwhile is one change."""
TAKE_S: Final = 20.0
"""For a page to take what it is sent. A slower one is dropped, and may come back."""
_CHUNK: Final = 100
"""Canaries of one message."""
_ANSWER_S: Final = 20.0
"""For the controller to answer a request."""
_THREADS: Final = 4
_WAITING: Final = 32
"""Requests that wait for a thread."""
_LARGEST_BODY: Final = 1024
_ONE: Final = "/api/canaries/{namespace:[a-z0-9][a-z0-9-]*}/{name:[a-z0-9][a-z0-9.-]*}"
"""Of a canary: names as Kubernetes has them, and nothing else that could lead elsewhere."""
_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Found = TypeVar("_Found")
_CALLER: Final = web.RequestKey("caller", Caller)
_log = structlog.get_logger("canary.dashboard")


@frozen(kw_only=True)
class Settings:
    """What a server of the page allows."""

    verbs: bool = False
    """Whether the page has buttons."""
    namespace: str | None = None
    """The only one that is served. None: all."""
    hosts: frozenset[str] | None = None
    """What browsers may call the server; any other name may have been led here by anybody. None: anything."""


class Service:
    """Answers requests. For one event loop."""

    def __init__(
        self, settings: Settings, door: Door, objects: Objects, hub: Hub, seen: Seen, *, now_s: Callable[[], float]
    ) -> None:
        """Makes one.

        Args:
            settings: What is allowed.
            door: Knows callers.
            objects: The canaries.
            hub: Knows open pages.
            seen: What was seen of rollouts.
            now_s: The present time, seconds since the epoch.
        """
        self._settings, self._door, self._objects = settings, door, objects
        self._hub, self._seen, self._now_s = hub, seen, now_s
        self._page = the_page()
        self._reads = _Threads("dashboard-reads")
        self._verbs = _Threads("dashboard-verbs")

    def application(self) -> web.Application:
        """What aiohttp serves."""
        application = web.Application(client_max_size=_LARGEST_BODY, middlewares=[self._around])
        application.router.add_get("/", self._send_page)
        application.router.add_get("/api/events", self._events)
        application.router.add_get(_ONE, self._canary)
        application.router.add_post(_ONE + "/{verb}", self._verb)
        return application

    def close(self) -> None:
        """Let go of threads."""
        self._reads.close()
        self._verbs.close()

    # -- Around every request ---------------------------------------------------------------------------------------

    @web.middleware
    async def _around(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            self._refuse_strangers(request)
            if request.path.startswith("/api/"):
                request[_CALLER] = await self._known(request)
            response = await handler(request)
        except TurnedAwayError as error:
            response = _error(error.status, error.message)
        except web.HTTPException as error:
            response = _error(HTTPStatus(error.status), error.reason)
        except Exception:  # noqa: BLE001 - a mistake of ours in one request must not end the others
            _log.exception("a request failed", path=request.path[:200])
            response = _error(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _refuse_strangers(self, request: web.Request) -> None:
        """Pages of other sites get nothing, whatever they were told."""
        hosts = self._settings.hosts
        if hosts is not None and request.host not in hosts:
            raise TurnedAwayError(HTTPStatus.FORBIDDEN, "this server is not called so: use the address that it printed")
        if request.path == "/":
            return
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise TurnedAwayError(HTTPStatus.FORBIDDEN, "only the page of this server may ask")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise TurnedAwayError(HTTPStatus.FORBIDDEN, "only the page of this server may ask")

    async def _known(self, request: web.Request) -> Caller:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise TurnedAwayError(HTTPStatus.UNAUTHORIZED, "send the header Authorization: Bearer TOKEN")
        return await self._reads.run(lambda: self._door.caller(token.strip()))

    async def _require(self, caller: Caller, verb: str, namespace: str | None) -> None:
        if not await self._reads.run(lambda: self._door.may(caller, verb, namespace)):
            place = f"in namespace {namespace}" if namespace is not None else "in all namespaces: choose one"
            raise TurnedAwayError(HTTPStatus.FORBIDDEN, f"missing right: {verb} {CANARIES} {place}")

    # -- Requests ---------------------------------------------------------------------------------------------------

    async def _send_page(self, _request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": self._page.policy}
        return web.Response(body=self._page.body, content_type="text/html", charset="utf-8", headers=headers)

    async def _canary(self, request: web.Request) -> web.Response:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        caller = request[_CALLER]
        await self._require(caller, "list", namespace)
        obj = self._objects.get(CANARIES, namespace, name)
        if obj is None:
            return _error(HTTPStatus.NOT_FOUND, f"no canary {name} in namespace {namespace}")
        return _json(await self._reads.run(lambda: self._all_of(caller, obj, namespace, name)))

    def _all_of(self, caller: Caller, obj: Obj, namespace: str, name: str) -> Obj:
        """One canary. It takes its time: the API server is asked, and the machine is run forward."""
        now_s, points = self._now_s(), self._seen.points(namespace, name)
        may = self._settings.verbs and self._door.may(caller, "patch", namespace)
        shown = {**detail(obj, points, now_s), **self._look(caller, namespace, name)}
        return {**shown, "may": may, "now_s": now_s}

    def _look(self, caller: Caller, namespace: str, name: str) -> Obj:
        """Workloads and events, as far as the caller may see them."""
        with self._door.desk(caller) as desk:
            try:
                return looked(looks_at(desk, namespace, name, workloads=True, events=True, lenient=True)())
            except SteeringError as error:
                return {"workloads": None, "events": [], "unanswered": error.message}

    async def _verb(self, request: web.Request) -> web.Response:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        if not self._settings.verbs:
            raise TurnedAwayError(HTTPStatus.FORBIDDEN, "this page is read-only")
        if request.content_type != "application/json":
            return _error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json")
        try:
            verb = Verb(request.match_info["verb"])
        except ValueError:
            return _error(HTTPStatus.NOT_FOUND, f"must be one of {', '.join(each.value for each in Verb)}")
        caller = request[_CALLER]
        await request.read()  # it says nothing, but is bounded
        await self._require(caller, "patch", namespace)
        return _json(await self._verbs.run(lambda: self._asked(caller, namespace, name, verb)))

    def _asked(self, caller: Caller, namespace: str, name: str, verb: Verb) -> Obj:
        with self._door.desk(caller) as desk:
            try:
                answer = ask(desk, namespace, name, new_request(verb), Patience(_ANSWER_S))
            except SteeringError as error:
                return {"code": error.code, "text": error.message}
        return {"code": answer.code, "text": answer.text}

    # -- The stream -------------------------------------------------------------------------------------------------

    async def _events(self, request: web.Request) -> web.StreamResponse:
        caller = request[_CALLER]
        namespace = request.query.get("namespace") or self._settings.namespace
        await self._require(caller, "list", namespace)
        try:
            stream = self._hub.open(caller.id, namespace)
        except CrowdedError:
            raise TurnedAwayError(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open: close some") from None
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream; charset=utf-8"})
        try:
            await response.prepare(request)
            await self._stream_until_refused(_Sender(response), stream, caller)
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()  # what it has not taken is not kept
        finally:
            self._hub.close(stream)
        return response

    async def _stream_until_refused(self, sender: "_Sender", stream: Stream, caller: Caller) -> None:
        try:
            await self._stream(sender, stream, caller)
        except TurnedAwayError as error:
            await sender.send("refused", {"status": error.status, "error": error.message})

    async def _stream(self, sender: "_Sender", stream: Stream, caller: Caller) -> None:
        await sender.send("hello", {"user": caller.name, "verbs": self._settings.verbs, "now_s": self._now_s()})
        for some in _chunks(self._objects.list(CANARIES, stream.namespace)):
            await sender.send("canaries", [summary(each) for each in some])
        await sender.send("whole", {})
        loop = asyncio.get_running_loop()
        due_s = loop.time() + HEARTBEAT_S
        while not stream.closed:
            keys = await stream.changed(max(0.0, due_s - loop.time()))
            await self._send_changes(sender, keys)
            if loop.time() >= due_s:
                await self._reads.run(lambda: self._door.caller(caller.token))
                await self._require(caller, "list", stream.namespace)
                await sender.send("time", {"now_s": self._now_s()})
                due_s = loop.time() + HEARTBEAT_S
            await asyncio.sleep(_PAUSE_S)

    async def _send_changes(self, sender: "_Sender", keys: list[Key]) -> None:
        objects = [(key, self._objects.get(CANARIES, *key)) for key in keys]
        for some in _chunks([obj for _, obj in objects if obj is not None]):
            await sender.send("canaries", [summary(each) for each in some])
        for (namespace, name), obj in objects:
            if obj is None:
                await sender.send("gone", {"namespace": namespace, "name": name})


class _Sender:
    """Writes events to one page."""

    def __init__(self, response: web.StreamResponse) -> None:
        self._response = response

    async def send(self, event: str, content: Any) -> None:
        """Send one.

        Raises:
            TimeoutError: The page does not take it.
            ConnectionError: The page is gone.
        """
        text = f"event: {event}\ndata: {_text(content)}\n\n"
        async with asyncio.timeout(TAKE_S):
            await self._response.write(text.encode())


class _Threads:
    """Some threads for what takes its time, and an end to how much waits for them."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix=name)
        self._asked = 0

    async def run(self, work: Callable[[], _Found]) -> _Found:
        """Have it done.

        Raises:
            TurnedAwayError: Too much waits already.
        """
        if self._asked >= _THREADS + _WAITING:
            raise TurnedAwayError(HTTPStatus.SERVICE_UNAVAILABLE, "too much is asked for at present: try later")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._asked -= 1

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


def _chunks(objects: list[Obj]) -> Iterator[Iterable[Obj]]:
    for start in range(0, len(objects), _CHUNK):
        yield objects[start : start + _CHUNK]


def _text(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def _json(content: Any) -> web.Response:
    return web.Response(text=_text(content), content_type="application/json")


def _error(status: HTTPStatus, message: str) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    return web.Response(status=status, text=_text({"error": message}), content_type="application/json", headers=headers)
