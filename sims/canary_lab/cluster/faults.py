"""Faults of an API server, drawn from a seed: for `EmbeddedCluster.middlewares`.

What happens to a request depends on the seed, on what is asked, and on how often it was asked before, not on the order
in which threads get their turns: the same client meets the same faults again.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Final

from aiohttp import web
from attrs import frozen

from canary_lab.cluster.errors import status
from canary_lab.cluster.requests import Info
from canary_lab.cluster.server import Next

__all__ = ["Fault", "Faults", "Injected", "evenly"]


class Fault(Enum):
    """What can happen to a request."""

    CONFLICT = "409 to a write, which has no effect"
    GONE = "410: the version is too old; on a watch as its first event"
    THROTTLED = "429 with Retry-After"
    INTERNAL = "500"
    UNAVAILABLE = "503"
    RESET = "the connection breaks off before anything is done"
    LOST = "it is done, and the answer is lost"
    TRUNCATED = "it is done, and half of the answer comes"
    GARBAGE = "it is done, and the answer is no JSON"
    EMPTY = "it is done, and the answer is an object without anything in it"
    SLOW = "it takes long"
    CUT = "a watch ends in the middle of an event"


_WRITES: Final = frozenset({"create", "update", "patch", "delete"})
_WATCH: Final = frozenset({Fault.GONE, Fault.THROTTLED, Fault.INTERNAL, Fault.UNAVAILABLE, Fault.RESET, Fault.SLOW})
_CODES: Final = {
    Fault.CONFLICT: (409, "Conflict"),
    Fault.GONE: (410, "Expired"),
    Fault.THROTTLED: (429, "TooManyRequests"),
    Fault.INTERNAL: (500, "InternalError"),
    Fault.UNAVAILABLE: (503, "ServiceUnavailable"),
}


def _can_happen(fault: Fault, info: Info) -> bool:
    if info.verb == "watch":
        return fault in _WATCH or fault in {Fault.CUT, Fault.GARBAGE}
    if fault is Fault.CONFLICT:
        return info.verb in _WRITES
    return fault is not Fault.CUT and (fault is not Fault.GONE or info.verb == "list")


def evenly(rate: float, kinds: Iterable[Fault] = Fault) -> Mapping[Fault, float]:
    """Probabilities that sum to a rate."""
    every = list(kinds)
    return dict.fromkeys(every, rate / len(every))


@frozen
class Injected:
    """A fault that happened."""

    fault: Fault
    verb: str
    path: str
    number: int
    """Of the request, among those of the same verb and path."""


class Faults:
    """A middleware."""

    def __init__(
        self,
        seed: int,
        rates: Callable[[Info], Mapping[Fault, float]],
        *,
        agent: str = "",
        slow_s: float = 0.5,
        retry_after_s: int = 1,
    ) -> None:
        """Makes one.

        Args:
            seed: The same gives the same faults.
            rates: What may happen to a request, and how likely; in the place of a fault that cannot happen to it
                comes one that can.
            agent: Only clients whose User-Agent begins so are met.
            slow_s: How long a slow request takes, seconds, and the longest life of a watch that is cut.
            retry_after_s: What 429 asks for.
        """
        self._seed, self._rates, self._agent = seed, rates, agent
        self._slow_s, self._retry_after_s = slow_s, retry_after_s
        self._counts: Counter[tuple[str, str]] = Counter()
        self.injected: list[Injected] = []
        """What has happened, in its order."""
        self.over = False
        """Whether nothing happens any more."""

    async def __call__(self, request: web.BaseRequest, info: Info, after: Next) -> web.StreamResponse:
        """Answer a request, or spoil its answer."""
        if self.over or not request.headers.get("User-Agent", "").startswith(self._agent):
            return await after()
        number = self._counts[info.verb, info.path]
        self._counts[info.verb, info.path] += 1
        chance = random.Random(f"{self._seed}/{info.verb}/{info.path}/{number}")
        fault = self._drawn(chance, info)
        if fault is None:
            return await after()
        self.injected.append(Injected(fault, info.verb, info.path, number))
        if info.verb == "watch":
            return await self._spoiled_watch(fault, request, after, chance)
        return await self._spoiled(fault, request, after)

    def _drawn(self, chance: random.Random, info: Info) -> Fault | None:
        given = self._rates(info)
        can = {fault: rate for fault, rate in given.items() if _can_happen(fault, info)}
        if not can or chance.random() >= sum(given.values()):
            return None
        return chance.choices(list(can), list(can.values()))[0]

    async def _spoiled(self, fault: Fault, request: web.BaseRequest, after: Next) -> web.StreamResponse:
        if fault in _CODES:
            return self._refused(fault)
        if fault is Fault.RESET:
            return _broken_off(request)
        if fault is Fault.SLOW:
            await asyncio.sleep(self._slow_s)
            return await after()
        whole = await after()
        if fault is Fault.GARBAGE:
            return web.Response(body=b"<html>\x00{garbage", headers={"Content-Type": "application/json"})
        if fault is Fault.EMPTY:
            return web.json_response({})
        if fault is Fault.TRUNCATED and isinstance(whole, web.Response) and isinstance(whole.body, bytes):
            half = web.StreamResponse(status=whole.status, headers=whole.headers)
            half.content_length = len(whole.body)
            await half.prepare(request)
            await half.write(whole.body[: len(whole.body) // 2])
        return _broken_off(request)

    async def _spoiled_watch(
        self, fault: Fault, request: web.BaseRequest, after: Next, chance: random.Random
    ) -> web.StreamResponse:
        if fault is Fault.GONE:
            expired = {"type": "ERROR", "object": status(410, "Expired", "too old resource version")}
            return await _streamed(request, json.dumps(expired).encode() + b"\n")
        if fault is Fault.GARBAGE:
            return await _streamed(request, b'{"type": "MODIFIED", "object": {"kind": "\xff\xfe"}}\nnonsense\n')
        if fault is not Fault.CUT:
            return await self._spoiled(fault, request, after)
        try:
            async with asyncio.timeout(chance.uniform(0, self._slow_s)):
                return await after()
        except TimeoutError:
            return _broken_off(request)

    def _refused(self, fault: Fault) -> web.Response:
        code, reason = _CODES[fault]
        headers = {"Retry-After": str(self._retry_after_s)} if fault is Fault.THROTTLED else {}
        return web.json_response(status(code, reason, f"injected: {fault.value}"), status=code, headers=headers)


def _broken_off(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _streamed(request: web.BaseRequest, data: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(data)
    await response.write_eof()
    return response
