"""Small HTTP servers that behave well or badly, each in a thread of its own, for tests of clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from attrs import frozen

PATIENCE_S = 30.0
LONGEST_HEAD = 2**20
"""Bytes of a request before its body: queries stand in there, too."""


@frozen
class Seen:
    """A request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


class Caller:
    """One connection of a client."""

    def __init__(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer, self._reader, self._writer = peer, reader, writer

    async def request(self) -> Seen | None:
        """The next request. None: the client has gone."""
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        line, *rest = head[:-4].split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in rest)}
        seen = Seen(line, headers, await self._reader.readexactly(int(headers.get("content-length", 0))))
        self.peer.requests.append(seen)
        return seen

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def pause(self, seconds: float) -> None:
        """Do nothing for a while."""
        await asyncio.sleep(seconds)

    @property
    def left(self) -> bool:
        """Whether the connection is known to be closed."""
        return self._writer.transport.is_closing()

    async def gone(self) -> None:
        """Wait until the client has closed the connection."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read()

    async def close(self) -> None:
        """Close in order."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def reset(self) -> None:
        """Close with a reset."""
        found = self._writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Behaviour = Callable[[Caller], Awaitable[None]]
"""What is done with a connection, which is closed afterwards."""


class Peer:
    """A server on a free port; a context manager."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        """May be exchanged for another; that counts for connections from then on."""
        self.requests: list[Seen] = []
        self.connections = 0
        self.port = 0
        self.ended = threading.Semaphore(0)
        """Released for each connection that has been closed."""
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(PATIENCE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        calls: set[asyncio.Task[None]] = set()

        def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            calls.add(task := self._loop.create_task(self._call(reader, writer)))
            task.add_done_callback(calls.discard)

        server = await asyncio.start_server(called, "127.0.0.1", 0, backlog=1024, limit=LONGEST_HEAD)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        caller = Caller(self, reader, writer)
        try:
            await self.behaviour(caller)
        finally:
            await caller.close()
            self.ended.release()


def answering(answer: bytes) -> Behaviour:
    """Answers every request with these bytes, over connections that are kept."""

    async def behave(caller: Caller) -> None:
        while await caller.request():
            await caller.send(answer)

    return behave


def once(answer: bytes) -> Behaviour:
    """Answers one request with these bytes and closes the connection."""

    async def behave(caller: Caller) -> None:
        if await caller.request():
            await caller.send(answer)

    return behave


def silent() -> Behaviour:
    """Takes a request and never answers."""

    async def behave(caller: Caller) -> None:
        await caller.request()
        await caller.gone()

    return behave


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
