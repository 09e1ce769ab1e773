"""The HTTP server: authentication, the log, faults, other paths than resources, and streams."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod

from canary_lab.cluster import discovery, openapi, rbac
from canary_lab.cluster.addresses import Addresses
from canary_lab.cluster.api import Api
from canary_lab.cluster.auth import Tokens, User, impersonated
from canary_lab.cluster.bodies import LIMIT
from canary_lab.cluster.errors import ApiError, NotServed, no_method, no_resource, status
from canary_lab.cluster.handlers import Call, Handlers
from canary_lab.cluster.kinds import Strategies
from canary_lab.cluster.negotiate import PROTOBUF, ProtobufOnly, protobuf_not_acceptable
from canary_lab.cluster.requests import Entry, Info, RequestLog, parse
from canary_lab.cluster.resources import Registry
from canary_lab.cluster.store import Store
from canary_lab.cluster.watches import Watch

Next = Callable[[], Awaitable[web.StreamResponse]]
Middleware = Callable[[web.BaseRequest, Info, Next], Awaitable[web.StreamResponse]]
"""Sees each request before it is answered; may delay it, answer it itself, or spoil the answer."""

_LOG = logging.getLogger(__name__)
_READ_AT_MOST = 16 * 1024 * 1024
_YEAR = 365 * 86400
_JSON = "application/json"
_CACHE = "no-cache, private"
_TEXT = "text/plain; charset=utf-8"


class Server:
    """A Kubernetes API server in memory."""

    def __init__(self) -> None:
        self.store, self.registry = Store(), Registry()
        self.addresses = Addresses(self.store)
        self.api = Api(self.store, self.registry, Strategies(self.addresses))
        self.rbac, self.tokens = rbac.Rbac(self.store), Tokens(self.store)
        self.requests = RequestLog()
        self.middlewares: list[Middleware] = []
        self._handlers = Handlers(self.api, self.rbac, self.tokens)
        self._watches: set[Watch] = set()

    def end_watches(self) -> None:
        """Ends all watches."""
        for watch in self._watches:
            watch.end()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers any request."""
        info = parse(request.method, request.path, request.query)
        chain: Next = lambda: self._answer(request, info)  # noqa: E731
        for middleware in reversed(self.middlewares):
            chain = _bind(middleware, request, info, chain)
        return await chain()

    async def _answer(self, request: web.BaseRequest, info: Info) -> web.StreamResponse:
        warnings: list[str] = []
        user = User("", ())
        try:
            user, info = self._authenticate(request, info)
            response = await self._respond(request, info, user, warnings)
        except ApiError as e:
            response = _json(e.body, e.code)
            warnings += e.warnings
        except NotServed:
            response = web.Response(body=b"404 page not found\n", status=404, headers={"Content-Type": _TEXT})
        except ProtobufOnly:
            response = web.Response(body=protobuf_not_acceptable(), status=406, headers={"Content-Type": PROTOBUF})
        except Exception as e:  # noqa: BLE001 - a mistake of this server must not end it, and clients expect a Status
            _LOG.exception("%s %s", request.method, request.path_qs)
            why = f"Internal error occurred: {e!r}"
            response = _json(status(500, "InternalError", why, {"causes": [{"message": repr(e)}]}), 500)
        if not response.prepared:
            response.headers.setdefault("Cache-Control", _CACHE)
            _warn(response, warnings)
            self._note(request, info, user, response.status)
        return response

    def _authenticate(self, request: web.BaseRequest, info: Info) -> tuple[User, Info]:
        """The user, and what is asked; refuses what the user may not do."""
        user = self.tokens.user(request.headers.get("Authorization", ""))
        other = request.headers.get("Impersonate-User")
        if other:
            if not user.is_admin:
                raise rbac.refusal(user, info, f"impersonate-on:user-info:{info.verb}")
            user = impersonated(other, request.headers.getall("Impersonate-Group", []))
        self.rbac.require(user, info)
        return user, info

    def _note(self, request: web.BaseRequest, info: Info, user: User, code: int) -> None:
        resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource or info.path
        agent = request.headers.get("User-Agent", "")
        dry = "dryRun" in request.query
        self.requests.add(
            Entry(info.verb, info.group, resource, info.namespace, info.name, agent, user.name, code, dry)
        )

    async def _respond(
        self, request: web.BaseRequest, info: Info, user: User, warnings: list[str]
    ) -> web.StreamResponse:
        if not info.is_resource:
            return self._other(request, info)
        body = await _read(request)
        answer = self._handlers.handle(Call(info, request.query, request.headers, user, body, warnings))
        if answer.watch:
            self._note(request, info, user, 200)
            self._watches.add(answer.watch)
            try:
                return await _stream(request, answer.watch, warnings)
            finally:
                self._watches.discard(answer.watch)
        if answer.text is not None:
            return web.Response(text=answer.text, headers={"Content-Type": _TEXT})
        data = answer.format.encode(answer.body)
        return web.Response(body=data, status=answer.code, headers={"Content-Type": answer.format.media})

    # -- what is no resource ---------------------------------------------------------------------------------------

    def _other(self, request: web.BaseRequest, info: Info) -> web.StreamResponse:
        parts = [p for p in info.path.split("/") if p]
        if not parts:
            return _json(discovery.root(self.registry))
        if len(parts) == 1 and parts[0] in ("healthz", "livez", "readyz"):
            return web.Response(body=b"ok", headers={"Content-Type": _TEXT})
        if parts == ["version"]:
            return _json(discovery.VERSION)
        handler = {"api": self._discover, "apis": self._discover, "openapi": self._openapi}.get(parts[0])
        if handler is None:
            raise NotServed
        return handler(request, parts)

    def _discover(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        accept = request.headers.get("Accept", "")
        if len(parts) == 1 and discovery.wants_aggregated(accept):
            document = discovery.aggregated(self.registry, core=parts == ["api"])
            response = _tagged(request, document, discovery.AGGREGATED)
            response.headers["Vary"] = "Accept"
            response.headers["Cache-Control"] = "public"
            return response
        if parts == ["api"]:
            return _json({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        if parts == ["apis"]:
            return _json(discovery.groups(self.registry))
        if parts[0] == "apis" and len(parts) == 2:
            found = discovery.group(self.registry, parts[1])
        else:
            group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
            found = discovery.version(self.registry, group, version)
            if found is None and group in self.registry.built_in_groups:
                raise no_resource()
        if found is None:
            raise NotServed
        return _json(found)

    def _openapi(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        if parts == ["openapi", "v2"]:
            if openapi.ASKED_SWAGGER in request.headers.get("Accept", ""):
                return web.Response(body=openapi.bare_swagger(), headers={"Content-Type": openapi.SENT_SWAGGER})
            return _tagged(request, openapi.swagger(self.registry), _JSON)
        if parts == ["openapi", "v3"]:
            return _tagged(request, openapi.index(self.registry, self._hash), _TEXT)
        group = parts[3] if parts[2:3] == ["apis"] and len(parts) == 5 else ""
        document = openapi.document(self.registry, group, parts[-1]) if len(parts) in (4, 5) else None
        if document is None:
            return web.Response(status=404)
        response = _tagged(request, document, _JSON)
        if request.query.get("hash") == self._hash(group, parts[-1]):
            response.headers["Cache-Control"] = "public, immutable"
            response.headers["Expires"] = formatdate(time.time() + _YEAR, usegmt=True)
        return response

    def _hash(self, group: str, version: str) -> str:
        seen = [
            (r.plural, r.go_type or json.dumps(r.definition, sort_keys=True))
            for r in self.registry.in_version(group, version)
        ]
        return hashlib.sha512(repr(seen).encode()).hexdigest().upper()


class _Protocol(web.RequestHandler):
    """HTTP in which also a method that nobody knows gets an answer of this server."""

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if not isinstance(exc, BadHttpMethod):
            return super().handle_error(request, status, exc, message)
        error = no_method()
        response = _json(error.body, error.code)
        response.force_close()
        return response


class WebServer(web.Server):
    """What aiohttp needs to serve."""

    def __call__(self) -> web.RequestHandler:
        """The protocol of a new connection."""
        return _Protocol(self, loop=asyncio.get_running_loop())


def _bind(middleware: Middleware, request: web.BaseRequest, info: Info, after: Next) -> Next:
    return lambda: middleware(request, info, after)


def _json(body: Mapping[str, Any], code: int = 200) -> web.Response:
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return web.Response(body=data, status=code, headers={"Content-Type": _JSON})


def _tagged(request: web.BaseRequest, body: Mapping[str, Any], content_type: str) -> web.Response:
    """A document with an ETag, or 304 if the client has it."""
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    tag = f'"{hashlib.sha512(data).hexdigest().upper()}"'
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(body=data, headers={"Content-Type": content_type, "ETag": tag})


def _warn(response: web.StreamResponse, warnings: list[str]) -> None:
    for text in dict.fromkeys(warnings):
        line = "".join(each if each.isprintable() else " " for each in text)
        escaped = line.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{escaped}"')


async def _read(request: web.BaseRequest) -> bytes:
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > _READ_AT_MOST:
            break
    if len(data) > LIMIT:
        raise ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {LIMIT}")
    return bytes(data)


async def _stream(request: web.BaseRequest, watch: Watch, warnings: list[str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": _JSON, "Cache-Control": _CACHE})
    _warn(response, warnings)
    await response.prepare(request)
    with contextlib.suppress(ConnectionResetError):  # the client has left
        async for line in watch.lines():
            await response.write(line)
        await response.write_eof()
    return response
