"""The demo application: a small HTTP server whose version and faults come from its environment.

It needs the standard library alone and runs as a file (``python -S -E app.py``), so that a pod starts in no time.

    PORT          where it listens on 127.0.0.1; TCP_PORT, if given: says its version there and echoes what comes
    VERSION       what it calls itself, in the header ``x-app-version``
    ERROR_RATE    share of requests that are answered by 500: ``5%``, ``0.05``
    LATENCY       time that each answer takes: ``800ms``, ``1.5s``
    CRASH         ``true``: ends with an error instead of listening

``GET /_fault?error_rate=5%25&latency=800ms`` changes the faults of this one process while it runs. SIGTERM: what is
under way is finished, and every connection is told to end.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl, urlsplit

__all__ = ["App", "main", "seconds", "share"]

_GRACE_S = 10.0
_REASONS = {200: "OK", 400: "Bad Request", 500: "Internal Server Error"}


def share(text: str) -> float:
    """A share of requests, 0 to 1: ``5%``, ``0.05``; empty is none.

    Raises:
        ValueError: It is no such share.
    """
    found = float(text.removesuffix("%") or 0) / (100 if text.endswith("%") else 1)
    if not 0 <= found <= 1:
        raise ValueError(f"{text!r} is not between 0% and 100%")
    return found


def seconds(text: str) -> float:
    """A time: ``800ms``, ``1.5s``; empty is none.

    Raises:
        ValueError: It is no such time, or longer than a minute.
    """
    unit, factor = ("ms", 0.001) if text.endswith("ms") else ("s", 1.0)
    if text and not text.endswith(unit):
        raise ValueError(f"{text!r} is no time such as 800ms or 1.5s")
    found = float(text.removesuffix(unit) or 0) * factor
    if not 0 <= found <= 60:
        raise ValueError(f"{text!r} is not between 0s and 60s")
    return found


class App:
    """The server."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Makes one.

        Args:
            environment: See above.

        Raises:
            ValueError: A fault cannot be understood.
        """
        self._version = environment.get("VERSION", "")
        self._pod = environment.get("HOSTNAME", "")
        self._error_rate = share(environment.get("ERROR_RATE", ""))
        self._latency_s = seconds(environment.get("LATENCY", ""))
        self._idle: set[asyncio.StreamWriter] = set()
        self._open = 0
        self._stopping = False

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        self._open += 1
        try:
            while not self._stopping:
                self._idle.add(writer)
                head = await reader.readuntil(b"\r\n\r\n")
                self._idle.discard(writer)
                if not await self._exchange(head, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # the other side has gone, or makes no sense
        finally:
            self._idle.discard(writer)
            self._open -= 1
            writer.close()

    async def echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one TCP connection: say the version, then send back what comes."""
        try:
            writer.write(f"{self._version}\n".encode())
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass  # the other side has gone
        finally:
            writer.close()

    async def stop(self) -> None:
        """Finish what is under way, for a bounded time."""
        self._stopping = True
        for writer in list(self._idle):
            writer.close()
        end = asyncio.get_running_loop().time() + _GRACE_S
        while self._open and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)

    async def _exchange(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection goes on."""
        request, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = request.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            await _skip_chunks(reader)
        else:
            await reader.readexactly(int(headers.get("content-length", 0)))
        status, content = await self._answer(urlsplit(target), headers)
        body = json.dumps(content).encode() + b"\n"
        keep = not self._stopping and headers.get("connection", "").lower() != "close"
        answer = [f"HTTP/1.1 {status} {_REASONS[status]}", f"content-length: {len(body)}"]
        answer += ["content-type: application/json", f"x-app-version: {self._version}"]
        answer += [] if keep else ["connection: close"]
        writer.write("\r\n".join([*answer, "", ""]).encode("latin-1") + (b"" if method == "HEAD" else body))
        await writer.drain()
        return keep

    async def _answer(self, url: SplitResult, headers: Mapping[str, str]) -> tuple[int, dict[str, object]]:
        about: dict[str, object] = {"version": self._version, "pod": self._pod}
        if url.path == "/_fault":
            return self._fault(dict(parse_qsl(url.query))), about
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        if random.random() < self._error_rate:
            return 500, {**about, "error": "as it was asked to fail"}
        return 200, {**about, "host": headers.get("host", ""), "path": url.path, "headers": dict(headers)}

    def _fault(self, wanted: Mapping[str, str]) -> int:
        try:
            error_rate, latency_s = share(wanted.get("error_rate", "")), seconds(wanted.get("latency", ""))
        except ValueError:
            return 400
        self._error_rate, self._latency_s = error_rate, latency_s
        return 200


async def _skip_chunks(reader: asyncio.StreamReader) -> None:
    while size := int((await reader.readline()).split(b";")[0], 16):
        await reader.readexactly(size + 2)
    while (await reader.readline()).strip():
        pass  # trailers


async def _serve(environment: Mapping[str, str]) -> None:
    app, ended = App(environment), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    port = int(environment.get("PORT", "8080"))
    servers = [await asyncio.start_server(app.http, "127.0.0.1", port, backlog=1024)]
    if environment.get("TCP_PORT"):
        servers.append(await asyncio.start_server(app.echo, "127.0.0.1", int(environment["TCP_PORT"])))
    await ended.wait()
    for server in servers:
        server.close()
    await app.stop()


def main(environment: Mapping[str, str]) -> int:
    """Run until SIGTERM. Returns the exit code."""
    if environment.get("CRASH", "").lower() == "true":
        sys.stderr.write("crashed, as it was asked to\n")
        return 1
    try:
        asyncio.run(_serve(environment))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
