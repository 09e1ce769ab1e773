"""Load over real connections to servers that behave well and badly: every request that was due is accounted for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_lab.mesh.client import Client
from canary_lab.mesh.http1 import GarbageError, Response, ResponseReader, SettingError, request_to
from canary_lab.mesh.load import Answer, Load, Summary, Tally, Visitor, fetch, percentile, summary
from laboratories.lab import eventually
from peers.http_peers import Caller, Peer, answering, free_port, once, silent

GOOD = b"HTTP/1.1 200 OK\r\nX-App-Version: v2\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
BARE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def _asked(url: str, times: int = 1, *, method: str = "GET", timeout_s: float = 10.0) -> list[Answer]:
    """One after the other, over kept connections."""

    async def ask() -> list[Answer]:
        client = Client(request_to(url, method=method), timeout_s=timeout_s, keep=4)
        try:
            return [await client.ask() for _ in range(times)]
        finally:
            client.close()

    return asyncio.run(ask())


# -- A load ----------------------------------------------------------------------------------------------------------


def test_every_request_that_was_sent_has_one_answer() -> None:
    with Peer(answering(GOOD)) as peer:
        with Load(f"{peer.url}/path?x=1", rate=500, headers={"x-user": "me"}) as load:
            eventually(lambda: len(load.answers) >= 100)
        answers = load.answers
        assert len(answers) == len(peer.requests)
        assert {(a.status, a.version, a.size, a.error) for a in answers} == {(200, "v2", 5, "")}
        assert all(a.took_s > 0 and a.late_s >= 0 for a in answers)
        assert {seen.line for seen in peer.requests} == {"GET /path?x=1 HTTP/1.1"}
        assert {seen.headers["x-user"] for seen in peer.requests} == {"me"}
        assert load.since(90) == answers[90:]
        assert load.since(len(answers)) == ()


def test_a_proxy_is_sent_the_absolute_url() -> None:
    with Peer(answering(BARE)) as proxy:
        with Load("http://app.test:9898/x", proxy=proxy.url, rate=500) as load:
            eventually(lambda: load.answers)
        seen = proxy.requests[0]
        assert seen.line == "GET http://app.test:9898/x HTTP/1.1"
        assert seen.headers["host"] == "app.test:9898"


def test_slow_answers_hold_back_nobody() -> None:
    """Twenty requests are on their way at a time although the first of them has no answer: the model is open."""
    waiting: list[Caller] = []
    all_there = asyncio.Event()

    async def together(caller: Caller) -> None:
        while await caller.request():
            waiting.append(caller)
            if len(waiting) >= 20:
                all_there.set()
            await all_there.wait()
            await caller.send(BARE)

    with Peer(together) as peer:
        with Load(peer.url, rate=400, connections=1, timeout_s=30) as load:
            eventually(lambda: len(load.answers) >= 20)
        assert peer.connections >= 20
        assert {a.status for a in load.answers} == {200}
        assert len(load.answers) == len(peer.requests)


def test_beyond_the_bound_requests_wait_their_turn() -> None:
    may_answer = threading.Event()

    async def patient(caller: Caller) -> None:
        while await caller.request():
            await asyncio.to_thread(may_answer.wait, 30)
            await caller.send(BARE)

    with Peer(patient) as peer:
        with Load(peer.url, rate=400, connections=2, most_connections=2, timeout_s=30) as load:
            sender = load._sender
            assert sender is not None
            eventually(lambda: sender._due >= 20 and len(peer.requests) == 2)
            may_answer.set()
            eventually(lambda: len(load.answers) >= 20)
        assert peer.connections == 2
        assert len(load.answers) == len(peer.requests) == sender._due
        assert {a.status for a in load.answers} == {200}
        assert all(a.late_s > 0 for a in load.answers[2:20])


def test_who_waits_in_vain_is_counted_as_well() -> None:
    with Peer(silent()) as peer:
        with Load(peer.url, rate=100, connections=1, most_connections=2, timeout_s=0.5) as load:
            sender = load._sender
            assert sender is not None
            eventually(lambda: any("not sent" in a.error for a in load.answers))
        sent = [a for a in load.answers if a.error == "no answer within 0.5 s"]
        unsent = [a for a in load.answers if a.error == "not sent: 2 connections were busy for 0.5 s"]
        assert len(sent) >= 2
        assert len(sent) + len(unsent) == len(load.answers) == sender._due
        assert all(a.late_s >= 0.5 for a in unsent)


def test_the_end_waits_for_what_is_on_its_way() -> None:
    may_answer = threading.Event()

    async def patient(caller: Caller) -> None:
        while await caller.request():
            await asyncio.to_thread(may_answer.wait, 30)
            await caller.send(BARE)

    with Peer(patient) as peer:
        load = Load(peer.url, rate=100, timeout_s=30).start()
        eventually(lambda: len(peer.requests) >= 3)
        ending = threading.Thread(target=load.stop)
        ending.start()
        assert not load.answers
        may_answer.set()
        ending.join(30)
        assert not ending.is_alive()
        load.stop()
        assert len(load.answers) == len(peer.requests)
        assert {a.status for a in load.answers} == {200}
        with pytest.raises(RuntimeError):
            load.start()


def test_a_load_that_never_began_ends_at_once() -> None:
    load = Load("http://127.0.0.1:1", rate=1)
    load.stop()
    assert not load.answers


def test_a_mistake_of_its_own_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Client, *, due_s: float | None = None) -> Answer:
        raise ZeroDivisionError

    monkeypatch.setattr(Client, "ask", broken)
    load = Load("http://127.0.0.1:1", rate=1).start()
    with pytest.raises(ZeroDivisionError):
        load.stop()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rate": 0}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"rate": float("inf")}, "rate"),
        ({"timeout_s": -1}, "timeout_s"),
        ({"connections": 0}, "connections"),
        ({"connections": 3, "most_connections": 2}, "connections"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "http://127.0.0.1:99999/"}, "url"),
        ({"url": "http://[::1/"}, "url"),
        ({"url": "http://me:secret@127.0.0.1/"}, "url"),
        ({"url": "http://127.0.0.1/a b"}, "url"),
        ({"url": "http://127.0.0.1/\r\nX: y"}, "url"),
        ({"url": "/path"}, "url"),
        ({"proxy": "127.0.0.1:80"}, "proxy"),
        ({"headers": {"x": "a\r\nb: c"}}, "headers"),
        ({"headers": {"x y": "a"}}, "headers"),
        ({"headers": {"x": "\N{SNOWMAN}"}}, "headers"),
        ({"headers": {"Content-Length": "7"}}, "headers"),
    ],
)
def test_what_cannot_be_sent_is_refused(wrong: dict[str, object], field: str) -> None:
    given: dict[str, object] = {"url": "http://127.0.0.1/", "rate": 1, **wrong}
    with pytest.raises(SettingError) as caught:
        Load(**given)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert caught.value.allowed
    assert "\n" not in str(caught.value)


# -- Connections -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status", "size", "connections"),
    [
        (GOOD, 200, 5, 1),
        (b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n", 200, 13, 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n0\r\nX-Trailer: 1\r\n\r\n", 200, 0, 1),
        (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\nContent-Length: 2\r\n\r\nab", 200, 2, 3),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, 0, 1),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, 0, 1),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1\r\n\r\nx", 503, 1, 1),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0, 1),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, 1, 3),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, 1, 1),
        (b"HTTP/1.1 200\r\nContent-Length: 1, 1\r\nContent-Length: 1\r\n\r\nx", 200, 1, 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n", 200, 0, 3),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n", 200, 1, 3),
    ],
)
def test_answers_end_where_they_say(answer: bytes, status: int, size: int, connections: int) -> None:
    """Three requests in a row: over one connection, or over three where it cannot be used again."""
    with Peer(answering(answer)) as peer:
        assert [(a.status, a.size, a.error) for a in _asked(peer.url, 3)] == [(status, size, "")] * 3
        assert peer.connections == connections


def test_an_answer_to_head_has_no_body() -> None:
    with Peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")) as peer:
        assert [(a.status, a.size) for a in _asked(peer.url, 2, method="HEAD")] == [(200, 0)] * 2
        assert peer.connections == 1
        assert peer.requests[0].line == "HEAD / HTTP/1.1"


@pytest.mark.parametrize("coding", [b"", b"Transfer-Encoding: gzip\r\n"])
def test_an_answer_without_a_length_ends_with_the_connection(coding: bytes) -> None:
    with Peer(once(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\nhello")) as peer:
        assert [(a.status, a.size) for a in _asked(peer.url, 2)] == [(200, 5)] * 2
        assert fetch(peer.url).size == 5


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-", "closed in the middle"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "closed in the middle"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "closed in the middle"),
        (b"hello", "no answer of HTTP/1.1: b'hello'"),
        (b"HTTP/2 200\r\n\r\n", "no answer of HTTP/1.1"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "nobody asked for"),
        (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", "no header"),
        (b"HTTP/1.1 200 OK\r\nA: b\n\r\n\r\n", "no header"),
        (b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", "no header"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "no length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "no size of a chunk"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", "longer than it says"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000, "more than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 5000, "more than 4096 bytes"),
    ],
)
def test_what_is_no_whole_answer_is_a_lost_request(answer: bytes, error: str) -> None:
    with Peer(once(answer)) as peer:
        for found in (*_asked(peer.url), fetch(peer.url)):
            assert (found.status, found.version, found.size) == (0, "", 0)
            assert error in found.error
        assert len(peer.requests) == 2


def test_a_connection_that_was_closed_while_idle_is_not_used_again() -> None:
    """The end has arrived and the client's event loop has had no chance to see it: still nothing is sent into it."""
    with Peer(once(GOOD)) as peer:

        async def ask() -> list[Answer]:
            client = Client(request_to(peer.url), timeout_s=10, keep=4)
            answers = []
            for _ in range(5):
                answers.append(await client.ask())
                assert peer.ended.acquire(timeout=30)  # blocks the loop, so that it stays blind
            client.close()
            return answers

        assert [a.status for a in asyncio.run(ask())] == [200] * 5
        assert peer.connections == len(peer.requests) == 5


def test_what_nobody_asked_for_ends_an_idle_connection() -> None:
    async def chatty(caller: Caller) -> None:
        while await caller.request():
            await caller.send(BARE)
            await asyncio.sleep(0.05)
            await caller.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")

    with Peer(chatty) as peer:

        async def ask() -> list[int]:
            client = Client(request_to(peer.url), timeout_s=10, keep=4)
            found = [(await client.ask()).status]
            await asyncio.to_thread(peer.ended.acquire, timeout=30)  # only the client can have ended it
            found.append((await client.ask()).status)
            client.close()
            return found

        assert asyncio.run(ask()) == [200, 200]
        assert peer.connections == 2


@pytest.mark.parametrize(("reset", "error"), [(True, "connection reset"), (False, "closed without an answer")])
def test_a_request_that_was_sent_is_never_sent_again(reset: bool, error: str) -> None:
    async def failing(caller: Caller) -> None:
        await caller.request()
        await caller.send(GOOD)
        await caller.request()
        if reset:
            caller.reset()

    with Peer(failing) as peer:
        assert [(a.status, a.error) for a in _asked(peer.url, 4)] == [(200, ""), (0, error)] * 2
        assert len(peer.requests) == 4


def test_a_reset_in_the_middle_of_an_answer_is_a_lost_request() -> None:
    async def failing(caller: Caller) -> None:
        await caller.request()
        await caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
        caller.reset()

    with Peer(failing) as peer:
        assert [a.error for a in _asked(peer.url, 2)] == ["connection reset"] * 2
        assert fetch(peer.url).error == "connection reset"


def test_nobody_there_and_nobody_answering_are_told_apart() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with Peer(silent()) as peer:
        for found in (*_asked(nobody), fetch(nobody)):
            assert (found.status, found.error) == (0, "connection refused")
        for found in (*_asked(peer.url, timeout_s=0.1), fetch(peer.url, timeout_s=0.1)):
            assert (found.status, found.error) == (0, "no answer within 0.1 s")


def test_slow_pieces_do_not_stretch_the_time_allowed() -> None:
    """The bound is for the whole answer: who sends a byte now and then is not waited for."""

    async def dripping(caller: Caller) -> None:
        await caller.request()
        for byte in GOOD[:-1]:
            await caller.send(bytes([byte]))
            await asyncio.sleep(0.01)
        await caller.gone()

    with Peer(dripping) as peer:
        assert _asked(peer.url, timeout_s=0.3)[0].error == "no answer within 0.3 s"
        assert fetch(peer.url, timeout_s=0.3).error == "no answer within 0.3 s"


# -- Single requests ---------------------------------------------------------------------------------------------------


def test_one_request_by_itself() -> None:
    with Peer(answering(GOOD)) as peer:
        before = time.monotonic()
        found = fetch("http://app.test/x", proxy=peer.url, headers={"X-Canary": "always"})
        assert (found.status, found.version, found.size, found.error) == (200, "v2", 5, "")
        assert before <= found.at_s
        seen = peer.requests[0]
        assert seen.line == "GET http://app.test/x HTTP/1.1"
        assert (seen.headers["x-canary"], seen.headers["connection"]) == ("always", "close")


def test_a_visitor_keeps_cookies_until_they_expire() -> None:
    given: Iterator[bytes] = iter(
        [
            b"Set-Cookie: flagger-cookie=abc; Max-Age=21600\r\nSet-Cookie: lang=en; Path=/\r\n",
            b"",
            b"Set-Cookie: flagger-cookie=abc; Max-Age=-1\r\n",
            b"",
        ]
    )

    async def setting(caller: Caller) -> None:
        await caller.request()
        await caller.send(b"HTTP/1.1 200 OK\r\n" + next(given) + b"Content-Length: 0\r\n\r\n")

    with Peer(setting) as peer:
        visitor = Visitor(peer.url)
        answers = [visitor.visit() for _ in range(4)]
        assert answers[0].set_cookie == ("flagger-cookie=abc; Max-Age=21600", "lang=en; Path=/")
        both = "flagger-cookie=abc; lang=en"
        assert [seen.headers.get("cookie") for seen in peer.requests] == [None, both, both, "lang=en"]
        assert visitor.cookies == {"lang": "en"}


# -- Sums ------------------------------------------------------------------------------------------------------------


def _answer(took_s: float, status: int, version: str = "v1", error: str = "") -> Answer:
    return Answer(at_s=0.0, took_s=took_s, status=status, version=version, error=error)


def test_a_summary_adds_up() -> None:
    answers = [_answer(n / 1000, 200) for n in range(1, 98)]
    answers += [_answer(0.5, 503, "v2"), _answer(9.0, 0, "", "connection reset"), _answer(9.0, 0, "", "reset")]
    answers += [_answer(9.0, 0, "", "reset"), _answer(0.6, 404, "v2"), _answer(0.7, 500)]
    assert summary(answers) == Summary(
        count=103,
        lost=3,
        failed=5,
        tallies=(
            Tally(version="", status=0, count=3),
            Tally(version="v1", status=200, count=97),
            Tally(version="v1", status=500, count=1),
            Tally(version="v2", status=404, count=1),
            Tally(version="v2", status=503, count=1),
        ),
        errors=(("reset", 2), ("connection reset", 1)),
        p50_s=0.05,
        p99_s=0.6,
    )


def test_nothing_adds_up_to_nothing() -> None:
    assert summary([]) == Summary(count=0, lost=0, failed=0, tallies=(), errors=(), p50_s=None, p99_s=None)


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1.0), (25, 1.0), (26, 2.0), (50, 2.0), (75, 3.0), (76, 4.0), (99, 4.0), (100, 4.0)]
)
def test_percentiles_are_values_that_occurred(percent: float, expected: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], percent) == expected


# -- Reading ---------------------------------------------------------------------------------------------------------

_WHOLE = (
    (GOOD, Response(status=200, headers=(("x-app-version", "v2"), ("content-length", "5")), size=5, reusable=True)),
    (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oops\r\n" + CHUNKED + b"2\r\nab\r\n0\r\nt: u\r\n\r\n",
        Response(status=500, headers=(("transfer-encoding", "chunked"),), size=2, reusable=True),
    ),
)


@given(st.sampled_from(_WHOLE), st.lists(st.integers(min_value=0, max_value=120), max_size=8))
def test_it_does_not_matter_how_an_answer_is_cut(case: tuple[bytes, Response], cuts: list[int]) -> None:
    text, expected = case
    places = sorted({0, len(text), *(cut % len(text) for cut in cuts)})
    pieces = [text[start:end] for start, end in pairwise(places)]
    reader = ResponseReader(head=False)
    assert [reader.feed(piece) for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert reader.feed(pieces[-1]) == expected


@given(st.binary(max_size=300))
def test_whatever_comes_is_an_answer_or_garbage(data: bytes) -> None:
    for prefix in (b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 200 OK\r\n"):
        reader = ResponseReader(head=False)
        found = None
        with suppress(GarbageError):
            found = reader.feed(prefix + data) or reader.end()
        assert found is None or 200 <= found.status <= 599
