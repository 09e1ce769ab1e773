"""Flagger's API of the load tester over HTTP: tasks, gates, probes."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeAlias

import structlog
from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from canary_adapters.loadtester.command import Command, RefusedError, command_for, shown
from canary_adapters.loadtester.gate_tokens import GateTokens, GateTokensError, token_of
from canary_adapters.loadtester.gates import Gates, Kind, TooManyGatesError
from canary_adapters.loadtester.lookups import CrowdedError, Lookups
from canary_adapters.loadtester.metrics import Metrics
from canary_adapters.loadtester.options import Options
from canary_adapters.loadtester.output import readable
from canary_adapters.loadtester.payload import Payload, PayloadError, read_payload
from canary_adapters.loadtester.process import Cause, Ended
from canary_adapters.loadtester.runner import ClosedError, FullError, Runner
from canary_adapters.loadtester.targets import targets_of

__all__ = ["LARGEST_BODY", "LoadTester"]

LARGEST_BODY: Final = 64 * 1024
"""Bytes of a request's body."""
_BODY_S: Final = 10.0
"""Seconds for a body to arrive."""
_MOST_HOSTS: Final = 256
"""In the arguments of a command."""
_MOST_LOOKUPS: Final = 64
"""Names that are looked up at the same time."""
_PROBES: Final = frozenset({"/healthz", "/metrics"})
_CLIENT_GONE: Final = 499
_ENDING: Final = "the load tester is ending"
_TOO_MANY_COMMANDS: Final = "too many commands of this namespace run and wait: try later"
_TOO_MANY_GATES: Final = "too many gates of this namespace are open: close some"
_UNNAMED: Final = "gates are opened and closed with a token only: send the header Authorization: Bearer TOKEN"
_UNENTITLED: Final = "this token opens and closes no gates of this namespace"
_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = structlog.get_logger("canary.loadtester")


class LoadTester:
    """Answers requests. For one event loop."""

    def __init__(self, options: Options, runner: Runner, gates: Gates, metrics: Metrics) -> None:
        """Makes one.

        Args:
            options: What is allowed.
            runner: Runs commands.
            gates: Kept.
            metrics: Shown and counted.
        """
        self._options, self._runner, self._gates, self._metrics = options, runner, gates, metrics
        self._lookups = Lookups(options.denied, _MOST_LOOKUPS)
        self._ending = False
        self._routes: dict[str, _Handler] = {
            "/healthz": self._ok,
            "/metrics": self._show_metrics,
            "/gate/approve": self._ok,
            "/gate/halt": self._forbidden,
        }
        for kind in Kind:
            self._routes |= self._gate_routes(kind)

    def application(self) -> web.Application:
        """What aiohttp serves. Methods are not looked at, as with Flagger."""
        application = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._around])
        for path, handler in self._routes.items():
            application.router.add_route("*", path, handler)
        application.router.add_route("*", "/{path:.*}", self._task)
        return application

    def end(self) -> None:
        """Take no work any more."""
        self._ending = True

    @web.middleware
    async def _around(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        status = _CLIENT_GONE
        try:
            response = await self._answer(request, handler)
            status = response.status
        finally:
            self._metrics.requested(self._route(request), status)
        # Requests are a minute apart; a connection that is kept would be closed just as the next one is sent.
        response.force_close()
        return response

    async def _answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if self._ending and request.path not in _PROBES:
            return _text(HTTPStatus.SERVICE_UNAVAILABLE, _ENDING)
        try:
            return await handler(request)
        except RefusedError as refused:
            _log.warning(
                "a request was refused", route=self._route(request), status=refused.status, reason=refused.text
            )
            return _text(refused.status, refused.text)
        except web.HTTPException as error:
            return _text(HTTPStatus(error.status), error.text or error.reason)
        except Exception:  # noqa: BLE001 - a mistake of ours in one request must not end the others
            _log.exception("a request failed")
            return _text(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")

    def _route(self, request: web.Request) -> str:
        """What may be shown of a path: any other one is a task's, and may hold a secret."""
        return request.path if request.path in self._routes else "task"

    async def _ok(self, _request: web.Request) -> web.Response:
        return _text(HTTPStatus.OK, "OK")

    async def _forbidden(self, _request: web.Request) -> web.Response:
        return _text(HTTPStatus.FORBIDDEN, "Forbidden")

    async def _show_metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    def _gate_routes(self, kind: Kind) -> dict[str, _Handler]:
        async def check(request: web.Request) -> web.Response:
            payload = await self._gate_payload(request)
            if self._gates.is_open(kind, payload.name, payload.namespace):
                return _text(HTTPStatus.OK, "Approved")
            return _text(HTTPStatus.FORBIDDEN, "Forbidden")

        async def open_(request: web.Request) -> web.Response:
            payload = await self._gate_payload(request)
            self._refuse_without_token(request, payload)
            try:
                self._gates.open(kind, payload.name, payload.namespace)
            except TooManyGatesError:
                raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY_GATES) from None
            _log.info("a gate was opened", gate=kind.value)
            return _text(HTTPStatus.ACCEPTED)

        async def close(request: web.Request) -> web.Response:
            payload = await self._gate_payload(request)
            self._refuse_without_token(request, payload)
            self._gates.close(kind, payload.name, payload.namespace)
            _log.info("a gate was closed", gate=kind.value)
            return _text(HTTPStatus.ACCEPTED)

        return {f"/{kind.value}/check": check, f"/{kind.value}/open": open_, f"/{kind.value}/close": close}

    def _refuse_without_token(self, request: web.Request, payload: Payload) -> None:
        """Whether the gates of a namespace may be changed; to ask for their state, nobody needs anything."""
        if self._options.gate_token_file is None:
            return
        token = token_of(request.headers.get("Authorization", ""))
        if token is None:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, _UNNAMED)
        try:
            known = GateTokens.read(self._options.gate_token_file)
        except GateTokensError as error:
            _log.error("the file of gate tokens cannot be used", reason=str(error))
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the file of gate tokens cannot be used") from None
        if not known.opens(token, payload.namespace):
            raise RefusedError(HTTPStatus.FORBIDDEN, _UNENTITLED)

    async def _task(self, request: web.Request) -> web.Response:
        try:
            payload = await self._payload(request)
        except PayloadError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from None
        command = command_for(payload.metadata, self._options)
        await self._refuse_denied(command, payload)
        try:
            if command.blocking:
                return _result(command, await self._runner.run(command, payload))
            self._runner.load(command, payload)
        except FullError:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY_COMMANDS) from None
        except ClosedError:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, _ENDING) from None
        return _text(HTTPStatus.ACCEPTED)

    async def _refuse_denied(self, command: Command, payload: Payload) -> None:
        """A fence for what the arguments show, and no more: redirects, and names that lead elsewhere later, pass it."""
        if not self._options.denied.networks:
            return
        targets = targets_of(command.argv[1:])
        if len(targets.hosts) > _MOST_HOSTS:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"cmd: more than {_MOST_HOSTS} hosts")
        if targets.unclear and not command.is_script:
            why = f"cmd: {shown(targets.unclear[0])} is no host, and might be at a denied address (-deny-addresses)"
            raise RefusedError(HTTPStatus.BAD_REQUEST, why)
        try:
            host = await self._lookups.denied(targets.hosts, payload.namespace)
        except CrowdedError:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY_COMMANDS) from None
        if host is not None:
            why = f"cmd: {shown(host)} is at an address that must not be reached (-deny-addresses)"
            raise RefusedError(HTTPStatus.FORBIDDEN, why)

    async def _gate_payload(self, request: web.Request) -> Payload:
        try:
            return await self._payload(request)
        except PayloadError:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "") from None  # Flagger's answer has no body here

    async def _payload(self, request: web.Request) -> Payload:
        try:
            async with asyncio.timeout(_BODY_S):
                body = await request.read()
        except TimeoutError:
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, f"no whole body within {_BODY_S:g} s") from None
        except web.RequestPayloadError:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the body breaks off") from None
        payload = read_payload(body)
        structlog.contextvars.bind_contextvars(canary=f"{payload.name}.{payload.namespace}")  # of this request's task
        if self._options.namespaces is not None and not self._options.namespaces.search(payload.namespace):
            raise RefusedError(HTTPStatus.FORBIDDEN, "Forbidden")
        return payload


def _result(command: Command, ended: Ended) -> web.Response:
    if ended.ok:
        return _text(HTTPStatus.OK, ended.output if command.return_output else "")
    if ended.cause is Cause.STOPPED:
        return _text(HTTPStatus.SERVICE_UNAVAILABLE, f"{_ENDING}: the command was ended before its time")
    said = f"command {readable(command.text)} failed: {ended.output}: {ended.error}"
    return _text(HTTPStatus.INTERNAL_SERVER_ERROR, said)


def _text(status: HTTPStatus, text: str = "") -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    return web.Response(status=status, text=text, headers=headers)
