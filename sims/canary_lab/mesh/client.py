"""Requests over kept connections, each of which ends in exactly one `Answer`: also those that nobody answered."""

import asyncio
import re
import select
import socket
import time
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from canary_lab.mesh.http1 import GarbageError, Request, Response, ResponseReader, request_to

__all__ = ["Answer", "Client", "Visitor", "fetch"]

VERSION_HEADER: Final = "x-app-version"
"""Where an application says which version it is."""
_PIECE: Final = 64 * 1024
_EXPIRED: Final = re.compile(r"-[0-9]+|0+")


@frozen(kw_only=True)
class Answer:
    """What became of one request."""

    at_s: float
    """When it was sent, or was to be: seconds of the monotonic clock. Opening a connection comes after it."""
    took_s: float
    """Seconds from then to the last byte of the answer, or to the failure."""
    late_s: float = 0.0
    """Seconds between when it was due and when it was sent: trouble of the one who measures, not of the measured."""
    status: int = 0
    """0: there was no answer."""
    version: str = ""
    """What the application says it is. Empty: it says nothing."""
    error: str = ""
    """Why there was no answer."""
    set_cookie: tuple[str, ...] = ()
    """Values of the Set-Cookie headers."""
    size: int = 0
    """Bytes of the body."""


def _answered(response: Response, at_s: float, took_s: float, late_s: float = 0.0) -> Answer:
    return Answer(
        at_s=at_s,
        took_s=took_s,
        late_s=late_s,
        status=response.status,
        version=next(iter(response.values(VERSION_HEADER)), ""),
        set_cookie=response.values("set-cookie"),
        size=response.size,
    )


def _reason(error: Exception, timeout_s: float | None) -> str:
    match error:
        case TimeoutError() if error.errno is None:
            return f"no answer within {timeout_s:g} s"
        case ConnectionResetError() | BrokenPipeError():
            return "connection reset"
        case ConnectionRefusedError():
            return "connection refused"
        case OSError():
            return error.strerror or str(error) or type(error).__name__
        case _:
            return str(error)


class _Connection(asyncio.Protocol):
    """Carries one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._arrivals = select.poll()
        self._reader: ResponseReader | None = None
        self._answer: asyncio.Future[Response] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_connection makes
        self._transport = transport
        self._arrivals.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent.

        An end that has arrived and that the event loop has not come to yet counts: a request sent after it would be
        lost through no fault of who answers.
        """
        transport = self._transport
        return transport is not None and not transport.is_closing() and not self._arrivals.poll(0)

    async def exchange(self, request: Request) -> Response:
        """Send a request and wait for its answer.

        Raises:
            GarbageError: What came is no answer.
            OSError: The connection broke.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError
        self._reader, self._answer = ResponseReader(head=request.head), self._loop.create_future()
        self._transport.write(request.wire)
        try:
            return await self._answer
        finally:
            self._reader = self._answer = None

    def close(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- Called by the event loop -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        reader, answer = self._reader, self._answer
        if reader is None or answer is None or answer.done():
            self.close()  # nobody asked for this
            return
        try:
            response = reader.feed(data)
        except GarbageError as error:
            answer.set_exception(error)
            return
        if response is not None:
            answer.set_result(response)

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(exc)

    def _end(self, error: Exception | None) -> None:
        reader, answer = self._reader, self._answer
        if reader is None or answer is None or answer.done():
            return
        if error is not None:
            answer.set_exception(error)
            return
        try:
            answer.set_result(reader.end())
        except GarbageError as garbage:
            answer.set_exception(garbage)


class Client:
    """Sends one request again and again. For one event loop."""

    def __init__(self, request: Request, *, timeout_s: float | None, keep: int) -> None:
        """Makes one without a connection.

        Args:
            request: What is sent.
            timeout_s: Seconds from sending to the last byte. None: for ever.
            keep: Connections that are kept open for later requests.
        """
        self._request, self._timeout_s, self._keep = request, timeout_s, keep
        self._idle: list[_Connection] = []

    async def ask(self, *, due_s: float | None = None) -> Answer:
        """Send the request.

        It is sent at most once: a connection that is known to be closed is passed over, and whatever happens after
        sending is the answer.

        Args:
            due_s: When it should have been sent. None: now.
        """
        at_s = time.monotonic()
        late_s = max(0.0, at_s - due_s) if due_s is not None else 0.0
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._exchange()
        except (GarbageError, OSError) as error:
            took_s = time.monotonic() - at_s
            return Answer(at_s=at_s, took_s=took_s, late_s=late_s, error=_reason(error, self._timeout_s))
        return _answered(response, at_s, time.monotonic() - at_s, late_s)

    def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            self._idle.pop().close()

    async def _exchange(self) -> Response:
        connection = self._kept() or await self._open()
        reusable = False
        try:
            response = await connection.exchange(self._request)
            reusable = response.reusable and len(self._idle) < self._keep
        finally:
            if reusable:
                self._idle.append(connection)
            else:
                connection.close()
        return response

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            connection.close()
        return None

    async def _open(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(loop), self._request.host, self._request.port)
        return connection


def fetch(
    url: str, *, proxy: str | None = None, headers: Mapping[str, str] | None = None, timeout_s: float = 5.0
) -> Answer:
    """One request on a connection of its own. Blocks.

    Args:
        url: Of the request.
        proxy: A forward proxy. None: straight to the server.
        headers: Further ones.
        timeout_s: Seconds until it counts as lost.

    Raises:
        SettingError: The request cannot be sent.
    """
    request = request_to(url, proxy=proxy, headers={"Connection": "close", **(headers or {})})
    at_s = time.monotonic()
    try:
        response = _exchange(request, at_s + timeout_s)
    except (GarbageError, OSError) as error:
        return Answer(at_s=at_s, took_s=time.monotonic() - at_s, error=_reason(error, timeout_s))
    return _answered(response, at_s, time.monotonic() - at_s)


def _exchange(request: Request, deadline_s: float) -> Response:
    reader = ResponseReader(head=request.head)
    with socket.create_connection((request.host, request.port), timeout=_left(deadline_s)) as connection:
        connection.settimeout(_left(deadline_s))
        connection.sendall(request.wire)
        while True:
            connection.settimeout(_left(deadline_s))
            data = connection.recv(_PIECE)
            if not data:
                return reader.end()
            response = reader.feed(data)
            if response is not None:
                return response


def _left(deadline_s: float) -> float:
    left = deadline_s - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class Visitor:
    """Somebody whose browser keeps the cookies that it is given, for one address."""

    def __init__(self, url: str, *, proxy: str | None = None, timeout_s: float = 5.0) -> None:
        """Makes one without cookies.

        Args:
            url: What is visited.
            proxy: A forward proxy. None: straight to the server.
            timeout_s: Seconds until a request counts as lost.
        """
        self._url, self._proxy, self._timeout_s = url, proxy, timeout_s
        self._cookies: dict[str, str] = {}

    @property
    def cookies(self) -> dict[str, str]:
        """What is kept now."""
        return dict(self._cookies)

    def visit(self) -> Answer:
        """One request with the cookies so far. Blocks.

        Raises:
            SettingError: The request cannot be sent.
        """
        shown = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Cookie": shown} if shown else {}
        answer = fetch(self._url, proxy=self._proxy, headers=headers, timeout_s=self._timeout_s)
        for line in answer.set_cookie:
            self._take(line)
        return answer

    def _take(self, line: str) -> None:
        pair, *attributes = (part.strip() for part in line.split(";"))
        name, _, value = pair.partition("=")
        ages = [text.partition("=")[2] for text in attributes if text.lower().startswith("max-age=")]
        if ages and _EXPIRED.fullmatch(ages[-1]):
            self._cookies.pop(name, None)
        else:
            self._cookies[name] = value
