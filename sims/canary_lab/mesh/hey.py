"""``python -m canary_lab.mesh.hey``: what stands in for the load generator hey where that is not installed.

Its flags mean what they mean there, and its summary looks like that one's. A closed model, as hey is one: so many
workers, each of which sends its next request when the last is answered. Different from hey: ``-n`` is kept to exactly
and not rounded down to a multiple of ``-c``; redirects are shown and not followed; the proxy may come from the
environment.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from attrs import frozen

from canary_adapters.manifests.durations import duration_s
from canary_lab.mesh.client import Answer, Client
from canary_lab.mesh.commands import OneLineParser, refuse
from canary_lab.mesh.http1 import Request, SettingError, request_to
from canary_lab.mesh.load import percentile

__all__ = ["Plan", "Run", "main", "next_tick"]

MOST_WORKERS: Final = 10_000
MOST_TIMES: Final = 1_000_000
"""How many durations are kept for the percentiles."""
_PERCENTS: Final = (10, 25, 50, 75, 90, 95, 99)


@frozen(kw_only=True)
class Plan:
    """What is sent, how often and how fast."""

    request: Request
    count: int | None
    """Requests in all. None: as many as fit into the duration."""
    duration_s: float | None
    workers: int
    rate: float
    """Requests a second of each worker. 0: as fast as they are answered."""
    timeout_s: float | None
    keep_alive: bool


class Run:
    """One run of a plan, and what came of it so far."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._begun = 0
        self._over = asyncio.Event()
        self._took_s = array("d")
        self._answered = self._size = 0
        self._sum_s, self._least_s, self._most_s = 0.0, float("inf"), 0.0
        self._statuses: Counter[int] = Counter()
        self._errors: Counter[str] = Counter()
        self._total_s = 0.0

    async def run(self) -> None:
        """Send until the plan is carried out, or the process is told to end."""
        plan, loop = self._plan, asyncio.get_running_loop()
        client = Client(plan.request, timeout_s=plan.timeout_s, keep=plan.workers if plan.keep_alive else 0)
        begin_s = time.monotonic()
        working = asyncio.gather(*(self._work(client) for _ in range(plan.workers)))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, working.cancel)
        timer = loop.call_later(plan.duration_s, self._over.set) if plan.duration_s is not None else None
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await working
        finally:
            self._total_s = time.monotonic() - begin_s
            if timer is not None:
                timer.cancel()
            client.close()

    async def _work(self, client: Client) -> None:
        begin_s, tick, rate = time.monotonic(), 0, self._plan.rate
        while True:
            if rate:
                tick = next_tick(tick, (time.monotonic() - begin_s) * rate)
                await self._wait_until(begin_s + tick / rate)
            if self._over.is_set() or self._begun == self._plan.count:
                return
            self._begun += 1
            self._take(await client.ask())

    async def _wait_until(self, time_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(time_s - time.monotonic()):
                await self._over.wait()

    def _take(self, answer: Answer) -> None:
        if not answer.status:
            self._errors[answer.error] += 1
            return
        self._statuses[answer.status] += 1
        self._answered += 1
        self._size += answer.size
        self._sum_s += answer.took_s
        self._least_s, self._most_s = min(self._least_s, answer.took_s), max(self._most_s, answer.took_s)
        if len(self._took_s) < MOST_TIMES:
            self._took_s.append(answer.took_s)

    def lines(self) -> Iterator[str]:
        """The summary."""
        count = self._answered + self._errors.total()
        yield from ("", "Summary:", f"  Total:\t{self._total_s:.4f} secs")
        if self._answered:
            yield f"  Slowest:\t{self._most_s:.4f} secs"
            yield f"  Fastest:\t{self._least_s:.4f} secs"
            yield f"  Average:\t{self._sum_s / self._answered:.4f} secs"
        yield f"  Requests/sec:\t{count / self._total_s if self._total_s else 0.0:.4f}"
        if self._size:
            yield from ("", f"  Total data:\t{self._size} bytes")
            yield f"  Size/request:\t{self._size // self._answered} bytes"
        if self._took_s:
            ordered = sorted(self._took_s)
            yield from ("", "Latency distribution:")
            yield from (f"  {percent}% in {percentile(ordered, percent) or 0.0:.4f} secs" for percent in _PERCENTS)
        yield from ("", "Status code distribution:")
        yield from (f"  [{status}]\t{number} responses" for status, number in sorted(self._statuses.items()))
        if self._errors:
            yield from ("", "Error distribution:")
            yield from (f"  [{number}]\t{error}" for error, number in self._errors.most_common())


def next_tick(last: int, passed: float) -> int:
    """The number of the tick at which a worker sends next.

    A worker that was held up sends one request at once; the other ticks that it missed are gone.

    Args:
        last: The tick of its last request; 0 before the first.
        passed: How many ticks have passed since it began.
    """
    return max(last + 1, int(passed))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    try:
        plan = _plan(_parser().parse_args(arguments))
    except SettingError as error:
        refuse(str(error))
    run = Run(plan)
    asyncio.run(run.run())
    sys.stdout.write("\n".join(run.lines()) + "\n")


def _plan(given: argparse.Namespace) -> Plan:
    if not 1 <= given.c <= MOST_WORKERS:
        raise SettingError("-c", given.c, f"from 1 to {MOST_WORKERS}")
    if given.z is None and given.n < given.c:
        raise SettingError("-n", given.n, f"not less than -c, {given.c}")
    if not 0 <= given.q < float("inf"):
        raise SettingError("-q", given.q, "a number from 0 on")
    if given.t < 0:
        raise SettingError("-t", given.t, "whole seconds; 0 is no limit")
    headers = {"Content-Type": "text/html", "User-Agent": "hey (canary-core)", **dict(map(_header, given.H))}
    if given.disable_keepalive:
        headers["Connection"] = "close"
    request = request_to(
        given.url,
        proxy=_proxy(given.x, given.url),
        method=given.m.upper(),
        headers=headers,
        body=os.fsencode(given.d),
        host=given.host,
    )
    return Plan(
        request=request,
        count=given.n if given.z is None else None,
        duration_s=given.z,
        workers=given.c,
        rate=given.q,
        timeout_s=given.t or None,
        keep_alive=not given.disable_keepalive,
    )


def _proxy(given: str, url: str) -> str | None:
    found = given
    if not found:
        with contextlib.suppress(ValueError):  # what is wrong with the address is told elsewhere
            host = urlsplit(url).hostname or ""
            found = "" if proxy_bypass(host) else getproxies().get("http", "")
    if not found:
        return None
    return found if "://" in found else f"http://{found}"


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise SettingError("-H", text, "Name: value")
    return name.strip(), value.strip()


def _duration(text: str) -> float:
    found = duration_s(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: a duration above 0 like 30s or 1m30s")
    return found


def _parser() -> OneLineParser:
    # Like Go's, each flag may have one dash or two.
    parser = OneLineParser(prog="hey", description="Send HTTP requests and tell how they were answered.")
    parser.add_argument("-n", "--n", type=int, default=200, metavar="N", help="requests in all (200)")
    parser.add_argument("-c", "--c", type=int, default=50, metavar="N", help="workers at a time (50)")
    parser.add_argument("-q", "--q", type=float, default=0.0, metavar="N", help="requests a second of each worker")
    parser.add_argument("-z", "--z", type=_duration, metavar="DURATION", help="how long to send, instead of -n (1m30s)")
    parser.add_argument("-t", "--t", type=int, default=20, metavar="N", help="seconds for an answer (20); 0: no limit")
    parser.add_argument("-m", "--m", default="GET", metavar="METHOD", help="GET, POST, PUT, DELETE, HEAD, OPTIONS")
    parser.add_argument("-H", "--H", action="append", default=[], metavar="HEADER", help="Name: value; repeatable")
    parser.add_argument("-d", "--d", default="", metavar="BODY", help="body of the requests")
    parser.add_argument("-x", "--x", default="", metavar="PROXY", help="host:port; default: http_proxy, if it is set")
    parser.add_argument("-host", "--host", default="", metavar="HOST", help="the Host header")
    parser.add_argument("-disable-keepalive", "--disable-keepalive", action="store_true", help="a connection each")
    parser.add_argument("url", metavar="URL")
    return parser


if __name__ == "__main__":
    main()
