"""Webhooks, alert receivers and Prometheus servers that behave as badly as they can."""

from __future__ import annotations

import gzip
import json
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canary_adapters import deadlines, guarded
from canary_adapters.background import Background
from canary_adapters.manifests.declare import Table
from canary_adapters.prometheus import PrometheusPool
from canary_adapters.prometheus import answers as answers_module
from canary_adapters.prometheus import pool as pool_module
from canary_adapters.prometheus.answers import QueryError, values_of
from canary_adapters.prometheus.pool import Server
from canary_adapters.webhook import HttpPool, NoAnswerError
from laboratories.lab import eventually
from peers.raw_server import Answering, Asked, RawServer, answer

MONTHS_S = 1e7
SHORT_S = 0.3


def _post(script: Callable[[Asked, Answering], None], **how: Any) -> tuple[int, str]:
    pool = HttpPool()
    try:
        with RawServer(script) as server:
            found = pool.post(f"{server.url}/x", {}, namespace="here", **{"timeout_s": SHORT_S, **how})
            return found.status, found.text
    finally:
        pool.close()


def _wait(over: threading.Event) -> None:
    assert over.wait(30)


# -- Webhooks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["status", "headers"])
def test_a_hook_that_drips_is_no_answer(part: str) -> None:
    """Each byte begins a timeout of the socket anew; the whole has an end all the same."""

    def script(_: Asked, to: Answering) -> None:
        if part == "headers":
            to.send(b"HTTP/1.1 200 OK\r\n")
        to.drip(b"X-Header: " + b"x" * 100_000, 0.02)

    with pytest.raises(NoAnswerError, match=r"no answer within 0\.3 s"):
        _post(script)


def test_a_body_that_drips_takes_nothing_from_the_status() -> None:
    def script(_: Asked, to: Answering) -> None:
        to.send(b"HTTP/1.1 403 No\r\nContent-Length: 100000\r\n\r\n")
        to.drip(b"x" * 100_000, 0.02)

    status, body = _post(script)
    assert status == 403
    assert len(body) < 1000


def test_a_body_without_an_end_is_read_no_further_than_is_needed() -> None:
    sent = [0]

    def script(_: Asked, to: Answering) -> None:
        to.send(b"HTTP/1.1 500 No\r\n\r\n")
        for _round in range(2000):
            to.send(b"x" * 65536)
            sent[0] += 65536

    status, body = _post(script, timeout_s=10)
    assert (status, body) == (500, "x" * 509 + "...")
    assert sent[0] < 50 * 2**20


def test_a_body_that_is_small_on_the_wire_only_is_cut() -> None:
    bomb = gzip.compress(b"x" * 50 * 2**20)
    assert _post(lambda _, to: to.send(answer(bomb, status=500, Content_Encoding="gzip")), timeout_s=10)[0] == 500


def test_the_body_of_a_redirect_is_not_read() -> None:
    sent = [0]

    def script(asked: Asked, to: Answering) -> None:
        if asked.target == "/end":
            to.send(answer(b"yes"))
            return
        to.send(b"HTTP/1.1 307 There\r\nLocation: /end\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(15_000):
            to.send(b"x" * 65536)
            sent[0] += 65536

    assert _post(script, timeout_s=10) == (200, "yes")
    assert sent[0] < 50 * 2**20


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("/x", "too many redirects"),
        ("file:///etc/passwd", "the address cannot be used"),
        ("http://169.254.169.254/latest/meta-data/", "(denied|no connection|no answer)"),
        ("http://[fe80::1%25lo]/", "."),
        ("http://:99999999/", "."),
        ("http://a" + "b" * 3000, "."),
        ("\u20ac", "."),
    ],
)
def test_redirects_lead_nowhere_else(location: str, said: str) -> None:
    def script(_: Asked, to: Answering) -> None:
        to.send(b"HTTP/1.1 302 There\r\nContent-Length: 0\r\nLocation: " + location.encode() + b"\r\n\r\n")

    with pytest.raises(NoAnswerError, match=said) as refused:
        _post(script)
    assert "passwd" not in str(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0" * 100, b"HTTP/9.9 999 ?\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    ],
)  # fmt: skip
def test_what_is_no_http_is_no_answer_or_a_status(data: bytes) -> None:
    try:
        status, _ = _post(lambda _, to: to.send(data))
    except NoAnswerError:
        return
    assert status == 200


@pytest.mark.parametrize("url", [
    "http://[", "http://a:b:c/", "http://\u2603.invalid/", "http://" + "a" * 70 + ".invalid/", "http://127.0.0.1:0/",
    "http://user:pa%ss@127.0.0.1:1/", "http://127.1.1.1:1/\x7f", "gopher://127.0.0.1/", "http://..../", "", "x" * 9000,
])  # fmt: skip
def test_no_address_raises_anything_else(url: str) -> None:
    pool = HttpPool()
    with pytest.raises(NoAnswerError):
        pool.post(url, {}, namespace="here", timeout_s=SHORT_S)
    pool.close()


def test_a_timeout_of_months_is_one_that_sockets_know() -> None:
    assert _post(lambda _, to: to.send(answer(b"yes")), timeout_s=MONTHS_S) == (200, "yes")


def test_where_clouds_give_credentials_nobody_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged by whom the connection has reached, not by what the name said before."""
    with RawServer(lambda _, to: to.send(answer(b"secret"))) as server:
        for peer in ("169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254", "fd00:ec2::254"):
            monkeypatch.setattr(guarded, "_peer", lambda _, peer=peer: peer)
            pool = HttpPool()
            with pytest.raises(NoAnswerError, match="its address is denied"):
                pool.post(server.url, {}, namespace="here", timeout_s=5)
            pool.close()
            prometheus = PrometheusPool()
            with pytest.raises(QueryError, match="its address is denied"):
                prometheus.query(Server(url=server.url), "up", namespace="here")
            prometheus.close()
    assert server.asked == []


def test_a_slow_receiver_delays_nobody_elses_alerts() -> None:
    over, done = threading.Event(), threading.Event()
    background = Background(workers=2)
    for _ in range(50):
        background.put("slow", "one", lambda: _wait(over))
    for number in range(20):
        background.put("quick", f"{number}", lambda: None)
    background.put("last", "one", done.set)
    assert done.wait(20)
    over.set()
    background.close(10)


def test_a_namespace_full_of_slow_receivers_delays_no_other_ones_alerts() -> None:
    over, done, held = threading.Event(), threading.Event(), threading.Semaphore(0)

    def hang() -> None:
        held.release()
        _wait(over)

    background = Background(workers=8)
    for namespace, share in (("one", 5), ("two", 3)):
        for number in range(50):
            background.put(namespace, f"slow-{number}", hang)
        for _ in range(share):
            assert held.acquire(timeout=20)
    assert background._working.held == {"one": 5, "two": 3}
    for number in range(20):
        background.put("quick", f"{number}", lambda: None)
    background.put("quick", "last", done.set)
    assert done.wait(20)
    over.set()
    background.close(20)
    assert (background._jobs, background._working.held) == ({}, {})


def test_however_many_namespaces_are_full_of_slow_receivers_each_other_one_has_a_thread() -> None:
    over, held, done = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)

    def hang() -> None:
        held.release()
        _wait(over)

    background = Background(workers=4)
    for namespace in range(40):
        for number in range(3):
            background.put(f"slow-{namespace}", f"{number}", hang)
        assert held.acquire(timeout=20)
    for namespace in range(20):
        background.put(f"quick-{namespace}", "only", done.release)
    for _ in range(20):
        assert done.acquire(timeout=20)
    # Who has done its job has its place for a moment longer.
    held_now = eventually(lambda: held if len(held := background._working.held) == 40 else None)
    assert min(held_now.values()) == 1
    assert sum(held_now.values()) <= 40 + 4
    over.set()
    background.close(20)
    assert (background._jobs, background._working.held, background._total) == ({}, {}, 0)


def test_jobs_of_one_canary_keep_their_order_and_their_number() -> None:
    over, seen = threading.Event(), list[int]()
    background = Background(workers=4, most=10)
    begun = threading.Event()

    def first() -> None:
        begun.set()
        _wait(over)

    background.put("here", "a", first)
    assert begun.wait(10)
    for number in range(30):
        background.put("here", "a", lambda number=number: seen.append(number))  # type: ignore[misc]
    over.set()
    background.close(10)
    assert seen == list(range(20, 30))
    assert background._jobs == {}


def test_of_all_that_is_pending_who_has_most_of_it_loses_first() -> None:
    over, begun, seen = threading.Event(), threading.Semaphore(0), list[tuple[str, int]]()

    def first() -> None:
        begun.release()
        _wait(over)

    background = Background(workers=1, most=1000, most_of_all=100)
    for key in (("mine", "a"), ("theirs", "a"), ("theirs", "b")):
        background.put(*key, first)
    for _ in range(3):
        assert begun.acquire(timeout=20)
    for number in range(10):
        background.put("mine", "a", lambda number=number: seen.append(("mine", number)))  # type: ignore[misc]
    for number in range(300):
        for name in "ab":
            background.put("theirs", name, lambda name=name, number=number: seen.append((name, number)))  # type: ignore[misc]
    assert background._total == 100
    over.set()
    background.close(20)
    assert [number for whose, number in seen if whose == "mine"] == list(range(10))
    for name in "ab":
        assert [number for whose, number in seen if whose == name] == list(range(255, 300))


def test_proxies_that_users_declare_do_not_pile_up() -> None:
    pool = HttpPool()
    for port in range(1, 200):
        with pytest.raises(NoAnswerError):
            pool.post("http://127.0.0.1:1/", {}, namespace="here", timeout_s=SHORT_S, proxy=f"http://127.0.0.1:{port}")
    assert len(pool._kept) == 8
    pool.close()


# -- Prometheus -----------------------------------------------------------------------------------------------------


def _ask(script: Callable[[Asked, Answering], None], **server: Any) -> list[float]:
    pool = PrometheusPool()
    try:
        with RawServer(script) as running:
            return pool.query(Server(url=running.url, **server), "up", namespace="here")
    finally:
        pool.close()


def _vector(*values: object, at: object = 1.0) -> bytes:
    result = [{"metric": {}, "value": [at, value]} for value in values]
    return answer({"status": "success", "data": {"resultType": "vector", "result": result}})


@pytest.mark.parametrize(
    "data",
    [
        answer(b""), answer(b"<html>"), answer([]), answer({"data": 1}), answer({"data": {"result": {"a": 1}}}),
        answer({"data": {"result": [1]}}), answer({"data": {"result": [[]]}}), answer({"data": {"result": [None, 1]}}),
        answer({"data": {"result": [{"value": {"0": 1}}]}}), answer({"data": {"result": [{"value": "12"}]}}),
        _vector(None), _vector({}), _vector([1]), _vector(True), _vector("many"), _vector(10**400),
        answer(b"[" * 100_000), answer(b'{"warnings":' + b"[" * 100_000), answer(b"1" * 5000),
        answer({"data": {"result": []}, "warnings": 3}, status=500), answer(b"x", status=302, Location="/elsewhere"),
        answer(b"\x1f\x8b broken", Content_Encoding="gzip"), b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
    ],
)  # fmt: skip
def test_what_is_no_answer_of_prometheus_is_an_error(data: bytes) -> None:
    with pytest.raises(QueryError) as refused:
        _ask(lambda _, to: to.send(data))
    assert len(str(refused.value)) < 600


def test_an_answer_that_drips_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "TIMEOUT_S", (SHORT_S, SHORT_S))
    for head in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"):

        def script(_: Asked, to: Answering, head: bytes = head) -> None:
            to.send(head)
            to.drip(b"HTTP/1.1 200 OK\r\nX: " + b" " * 100_000, 0.02)

        with pytest.raises(QueryError, match="no answer within"):
            _ask(script)


def test_an_answer_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_module, "LARGEST", 2**16)

    def script(_: Asked, to: Answering) -> None:
        to.send(b"HTTP/1.1 200 OK\r\n\r\n")
        for _round in range(1000):
            to.send(b"x" * 65536)

    with pytest.raises(QueryError):
        _ask(script)


@pytest.mark.parametrize("at", [0, -1e12, 1e15, "soon", None, math.inf])
def test_the_clock_of_prometheus_does_not_matter(at: object) -> None:
    assert _ask(lambda _, to: to.send(_vector("99.5", at=at))) == [99.5]


def test_infinite_and_absent_numbers_are_numbers() -> None:
    found = _ask(lambda _, to: to.send(_vector("+Inf", "-Inf", "NaN", "1e400", 3)))
    assert [str(each) for each in found] == ["inf", "-inf", "nan", "inf", "3.0"]


def test_a_server_that_repeats_what_it_was_sent_gives_no_secret_away() -> None:
    def script(asked: Asked, to: Answering) -> None:
        to.send(answer(json.dumps(asked.headers).encode(), status=403))

    with pytest.raises(QueryError, match="403") as refused:
        _ask(script, token="hush-token", headers=Table({"X-Key": "hush-key"}))  # noqa: S106
    assert "hush" not in str(refused.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["value", "values", "metric"]), inner),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(json_values | st.lists(st.fixed_dictionaries({"value": st.lists(json_values, min_size=2, max_size=2)})))
def test_no_result_raises_anything_else(result: object) -> None:
    with suppress(QueryError):
        assert all(isinstance(each, float) for each in values_of(result))


def test_deadlines_leave_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "_IDLE_S", 0.1)
    watchdog = deadlines._Watchdog()
    cut = threading.Event()
    late, early = deadlines.Deadline(), deadlines.Deadline()
    watchdog.add(late, time.monotonic() + 0.1, cut.set)
    watchdog.add(early, time.monotonic() + 600, lambda: None)
    watchdog.remove(early)
    assert cut.wait(10)
    assert late.passed
    assert not early.passed
    eventually(lambda: watchdog._thread is None)
    assert watchdog._heap == []
