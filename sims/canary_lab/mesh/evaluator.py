"""``python -m canary_lab.mesh.evaluator``: what stands in for Prometheus where that is not installed.

It scrapes one Envoy, keeps ten minutes of it in memory and answers instant queries over Prometheus' HTTP API. prombed
evaluates them: a small part of PromQL, with an error and not a wrong number for the rest. It serves 127.0.0.1 only; a
query runs to its end, and who may ask may keep it busy.
"""

import argparse
import asyncio
import contextlib
import math
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, Self

from aiohttp import ClientSession, ClientTimeout, web
from prombed import Prombed, PrombedError, ScrapeTarget
from yarl import URL

from canary_lab.mesh.alternatives import decided
from canary_lab.mesh.commands import OneLineParser, refuse
from canary_lab.mesh.http1 import SettingError, request_to
from canary_lab.mesh.istio_names import istio_names

__all__ = ["Evaluator", "application", "main"]

INTERVAL_S: Final = 1.0
"""Between two scrapes."""
TIMEOUT_S: Final = 0.9
RETENTION_S: Final = 600.0
LARGEST_SCRAPE: Final = 8 * 2**20
"""Bytes."""
LONGEST_QUERY: Final = 64 * 1024
"""Characters."""
LARGEST_BODY: Final = 256 * 1024
"""Bytes of what is posted."""
MOST_SERIES: Final = 5_000
MOST_SAMPLES: Final = 2_000_000
"""Held at a time by a query."""
_PIECE: Final = 64 * 1024
_HTTP_OF: Final = {"query_execution_error": (422, "execution"), "storage_capacity_exceeded": (500, "internal")}
_BAD: Final = (400, "bad_data")


class Evaluator:
    """The samples of one target, and queries on them. For one event loop; an asynchronous context manager."""

    def __init__(self, url: str) -> None:
        """Makes one without samples.

        Args:
            url: Where Envoy's statistics are, in Prometheus' text format.

        Raises:
            SettingError: It is no such address.
        """
        request_to(url)
        self._target = ScrapeTarget(url, labels={"job": "envoy"})
        self._samples = Prombed(
            targets=[self._target],
            retention_ms=int(RETENTION_S * 1000),
            max_series=MOST_SERIES,
            max_samples=MOST_SAMPLES,
            scrape_timeout_ms=int(TIMEOUT_S * 1000),
            max_scrape_bytes=LARGEST_SCRAPE,
            fetch=self._fetch,
        )
        self._session: ClientSession | None = None
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the last scrape failed. Empty: it did not."""
        return self._trouble

    async def __aenter__(self) -> Self:
        self._session = ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def scrape(self) -> None:
        """Scrape once. A target that is down is noted, as by Prometheus, in the series `up`."""
        before, self._trouble = self._trouble, ""
        try:
            await self._samples.scrape_once()
        except PrombedError as error:
            self._trouble = " ".join(str(error).split())
        if self._trouble != before:
            sys.stderr.write(f"{self._trouble or 'scraped again'}\n")

    async def scrape_on(self) -> NoReturn:
        """Scrape at a steady pace until it is cancelled."""
        begin_s = time.monotonic()
        while True:
            passed_s = time.monotonic() - begin_s
            await asyncio.sleep((math.floor(passed_s / INTERVAL_S) + 1) * INTERVAL_S - passed_s)
            await self.scrape()

    def query(self, text: str, at_s: float | None = None) -> dict[str, Any]:
        """An instant query.

        Args:
            text: PromQL.
            at_s: For which time, in seconds since 1970. None: now.

        Returns:
            The answer as Prometheus' API has it.

        Raises:
            PrombedError: It is no query, or one that is not supported, or it cannot be evaluated.
        """
        if len(text) > LONGEST_QUERY:
            raise PrombedError("invalid_query", f"a query of more than {LONGEST_QUERY} characters")
        at_ms = round((time.time() if at_s is None else at_s) * 1000)

        def has_value(part: str) -> bool:
            return bool(self._samples.query(part, at_ms)["data"]["result"])

        try:
            answer: dict[str, Any] = self._samples.query(decided(text, has_value), at_ms)
        except RecursionError:
            raise PrombedError("invalid_query", "the query is nested too deeply") from None
        return answer

    async def _fetch(self, url: str, headers: dict[str, str], timeout_s: float, most: int) -> bytes:
        try:
            body = await self._read(url, headers, timeout_s, most)
        except TimeoutError:
            raise PrombedError("scrape_failed", f"{url}: no answer within {timeout_s:g} s") from None
        return istio_names(body.decode()).encode()

    async def _read(self, url: str, headers: dict[str, str], timeout_s: float, most: int) -> bytearray:
        if self._session is None:
            raise RuntimeError("scraped outside of its context")
        allowed = ClientTimeout(total=timeout_s)
        async with self._session.get(URL(url), headers=headers, timeout=allowed, allow_redirects=False) as response:
            if response.status != 200:
                raise PrombedError("scrape_failed", f"{url}: status {response.status}")
            body = bytearray()
            async for piece in response.content.iter_chunked(_PIECE):
                body += piece
                if len(body) > most:
                    raise PrombedError("scrape_failed", f"{url}: more than {most} bytes")
            return body


# -- Over HTTP -------------------------------------------------------------------------------------------------------


def application(evaluator: Evaluator) -> web.Application:
    """Prometheus' HTTP API, as far as it goes here."""

    async def query(request: web.Request) -> web.Response:
        try:
            form = await request.post() if request.method == "POST" else {}
        except web.HTTPRequestEntityTooLarge:
            return _error(413, "bad_data", f"a body of more than {LARGEST_BODY} bytes")
        given = {**request.query, **{name: value for name, value in form.items() if isinstance(value, str)}}
        try:
            return web.json_response(evaluator.query(given.get("query", ""), _time(given.get("time"))))
        except PrombedError as error:
            return _error(*_HTTP_OF.get(error.code, _BAD), str(error))

    async def well(_: web.Request) -> web.Response:
        return web.Response(text="The stand-in for Prometheus is well.\n")

    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_route("GET", "/api/v1/query", query)
    app.router.add_route("POST", "/api/v1/query", query)
    app.router.add_get("/-/ready", well)
    app.router.add_get("/-/healthy", well)
    return app


def _error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"status": "error", "errorType": kind, "error": message}, status=status)


def _time(text: str | None) -> float | None:
    """Seconds since 1970, from those or from RFC 3339."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            seconds = math.nan
        else:
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not abs(seconds) < 1e11:
        raise PrombedError("invalid_query", f"time: {text[:80]!r} is no time: use seconds since 1970, or RFC 3339")
    return seconds


# -- As a process ----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = OneLineParser(prog="evaluator", description="Stand in for Prometheus: scrape an Envoy, answer queries.")
    parser.add_argument("--scrape", required=True, metavar="URL", help="where Envoy's statistics are")
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="where to listen on 127.0.0.1; 0 is any")
    given = parser.parse_args(arguments)
    try:
        evaluator = Evaluator(given.scrape)
    except SettingError as error:
        refuse(f"--scrape: {error}")
    try:
        asyncio.run(_serve(evaluator, given.port))
    except OSError as error:
        refuse(f"--port: {given.port}: {error.strerror or error}")


async def _serve(evaluator: Evaluator, port: int) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    # A query in the address is longer there than it is: each character may take three.
    runner = web.AppRunner(application(evaluator), access_log=None, max_line_size=3 * LONGEST_QUERY)
    async with evaluator:
        await evaluator.scrape()
        await runner.setup()
        scraping = asyncio.create_task(evaluator.scrape_on())
        scraping.add_done_callback(lambda _: ended.set())
        try:
            await web.TCPSite(runner, "127.0.0.1", port, shutdown_timeout=1.0).start()
            sys.stderr.write(f"listening on port {runner.addresses[0][1]}\n")
            sys.stderr.flush()
            await ended.wait()
        finally:
            scraping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await scraping
            await runner.cleanup()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: a port from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    main()
