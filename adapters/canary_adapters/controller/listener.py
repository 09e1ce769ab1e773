"""A small HTTP server in one thread: however many clients come, and however slow they are, it costs the same.

It is for short questions without a body. Each connection serves one request, has to bring it and to take the answer in
its time, and gives way to a new one when there are too many. What a request says is read by `h11`, within a bound.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import h11
import structlog
from attrs import field, frozen

from canary_adapters.sockets import listen

__all__ = ["Answer", "Handler", "Listener", "Request", "Response"]

MOST: Final = 256
"""Connections at a time. A new one closes the oldest of those that have not asked for anything yet."""
LONGEST: Final = 16 * 1024
"""Bytes of a request."""
ASK_S: Final = 10.0
"""Seconds in which a client has to send its request."""
TAKE_S: Final = 30.0
"""Seconds in which it has to be answered and to take the answer."""
UNSENT: Final = 16 * 1024 * 1024
"""Bytes of answers that clients have not taken yet."""
_KERNEL: Final = 64 * 1024
"""Bytes that the kernel keeps for a connection, each way: they count as memory of the process's container."""
QUEUED: Final = 16
"""Answers that take their time and are waited for; they are made one after the other."""
_log = structlog.get_logger("canary.status")


@frozen(kw_only=True)
class Request:
    """What was asked for."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """By lower-case name; the last one counts."""


@frozen(kw_only=True)
class Response:
    """What is answered."""

    status: HTTPStatus
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)

    @classmethod
    def of(cls, status: HTTPStatus) -> "Response":
        """One that only says how it is."""
        return cls(status=status, body=(status.phrase if status is not HTTPStatus.OK else "OK").encode())


Answer: TypeAlias = "Response | Callable[[], Response]"
"""The response, or what makes it: called in a thread of its own, one after the other."""
Handler: TypeAlias = Callable[[Request], Answer]


class Listener:
    """Listens until it is stopped."""

    def __init__(self, handler: Handler, *, host: str, port: int) -> None:
        """Begins to listen.

        Args:
            handler: Says what is answered; called in the thread of the server, so it must not take long.
            host: The address to listen at. Empty: all, of IPv6 too where there is such a thing.
            port: 0 is any free port.

        Raises:
            OSError: The port is taken.
        """
        self._socket = listen(host, port, backlog=MOST, kernel=_KERNEL)
        self.port: Final[int] = self._socket.getsockname()[1]
        self.handler: Final = handler
        self._open: dict[_Connection, None] = {}
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="status-slow")
        self._queued = 0
        self.loop, self._ended = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="status-server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and close all connections."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._slow.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        try:
            self.loop.run_until_complete(self._serve())
        finally:
            self.loop.close()

    async def _serve(self) -> None:
        server = await self.loop.create_server(lambda: _Connection(self), sock=self._socket, backlog=MOST)
        await self._ended.wait()
        server.close()
        for connection in list(self._open):
            connection.abort()
        await asyncio.sleep(0)  # in which the transports close

    # -- For connections, in the thread of the server -----------------------------------------------------------------

    def opened(self, connection: "_Connection") -> None:
        """Take in a new connection, and let go of one if there are too many."""
        if len(self._open) >= MOST:
            idle = (each for each in self._open if not each.has_asked)
            next(idle, next(iter(self._open))).abort()
        self._open[connection] = None

    def closed(self, connection: "_Connection") -> None:
        """One is closed, or is as good as that."""
        self._open.pop(connection, None)

    def sending(self) -> None:
        """An answer is about to be sent: those that wait the longest to be taken make room for it."""
        unsent = sum(each.unsent for each in self._open)
        for each in [each for each in self._open if each.unsent]:
            if unsent <= UNSENT:
                return
            unsent -= each.unsent
            each.abort()

    def made(self, make: Callable[[], Response], connection: "_Connection") -> None:
        """Have an answer made that takes its time, and sent."""
        if self._queued >= QUEUED:
            connection.send(Response.of(HTTPStatus.SERVICE_UNAVAILABLE))
            return
        self._queued += 1
        self._slow.submit(make).add_done_callback(partial(self._tell, connection))

    def _tell(self, connection: "_Connection", done: Any) -> None:
        if not done.cancelled() and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._finish, connection, done)

    def _finish(self, connection: "_Connection", done: Any) -> None:
        self._queued -= 1
        try:
            connection.send(done.result())
        except Exception:  # noqa: BLE001 - what went wrong with one answer must not end the others
            _log.exception("an answer could not be made")
            connection.send(Response.of(HTTPStatus.INTERNAL_SERVER_ERROR))


class _Connection(asyncio.Protocol):
    """One request and its answer."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST)
        self._transport: Any = None
        self._end = listener.loop.call_later(ASK_S, self.abort)
        self._wants_body = True
        self.has_asked = False

    @property
    def unsent(self) -> int:
        """Bytes of its answer that are still here."""
        return int(self._transport.get_write_buffer_size())

    def abort(self) -> None:
        """Close it at once."""
        self._gone()
        self._transport.abort()

    # -- What the client does -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It has come."""
        self._transport = transport
        self._listener.opened(self)

    def data_received(self, data: bytes) -> None:
        """It has said something."""
        if self.has_asked:
            return
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._begin_to_answer()
            self.send(Response.of(HTTPStatus(error.error_status_hint)))
            return
        if isinstance(event, h11.Request):
            self._begin_to_answer()
            self._answer(event)

    def eof_received(self) -> bool:
        """It says nothing more, but may wait for its answer."""
        return self.has_asked

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - nothing is told of a client that goes
        """It is gone."""
        self._gone()

    def _gone(self) -> None:
        self._end.cancel()
        self._listener.closed(self)

    # -- What it gets -------------------------------------------------------------------------------------------------

    def _begin_to_answer(self) -> None:
        self.has_asked = True
        self._end.cancel()
        self._end = self._listener.loop.call_later(TAKE_S, self.abort)
        self._transport.pause_reading()

    def _answer(self, event: h11.Request) -> None:
        path, _, query = event.target.decode("latin-1").partition("?")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        request = Request(method=event.method.decode("latin-1"), path=path, query=query, headers=headers)
        self._wants_body = request.method != "HEAD"
        try:
            answer = self._listener.handler(request)
        except Exception:  # noqa: BLE001 - as above
            _log.exception("an answer could not be made")
            answer = Response.of(HTTPStatus.INTERNAL_SERVER_ERROR)
        if isinstance(answer, Response):
            self.send(answer)
        else:
            self._listener.made(answer, self)

    def send(self, response: Response) -> None:
        """Send the answer, and end."""
        if self._transport.is_closing():
            return
        self._listener.sending()
        length = ("Content-Length", str(len(response.body)))
        headers = [*response.headers, length, ("Connection", "close")]
        head = h11.Response(status_code=response.status, reason=response.status.phrase, headers=headers)
        self._transport.write(self._http.send(head))
        if self._wants_body:
            self._transport.write(response.body)
        self._transport.close()
