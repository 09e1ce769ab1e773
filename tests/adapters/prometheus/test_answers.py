"""What is read of an answer of Prometheus is bounded in bytes, parts and depth, before it is parsed."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import closing
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.prometheus import PrometheusPool
from canary_adapters.prometheus.answers import DEEPEST, LARGEST, MOST_PARTS, AnswerTooLargeError, QueryError, check
from canary_adapters.prometheus.pool import Server
from peers.raw_server import Answering, Asked, RawServer, Script, answer

HEAD = b'{"status": "success", "data": {"resultType": "vector", "result": [{"metric": {"a": "'
TAIL = b'"}, "value": [1, "7"]}]}}'


def _of(size: int) -> bytes:
    """A good answer of so many bytes."""
    return HEAD + b"x" * (size - len(HEAD) - len(TAIL)) + TAIL


def _asked(script: Script) -> list[float]:
    with RawServer(script) as server, closing(PrometheusPool()) as pool:
        return pool.query(Server(url=server.url), "up", namespace="here")


def _saying(data: bytes, **headers: Any) -> Script:
    return lambda _, to: to.send(answer(data, **headers))


def test_an_answer_of_a_mebibyte_is_read() -> None:
    assert _asked(_saying(_of(LARGEST))) == [7.0]


def test_a_larger_one_is_a_typed_error() -> None:
    with pytest.raises(AnswerTooLargeError, match="more than 1048576 bytes") as caught:
        _asked(_saying(_of(LARGEST + 1)))
    assert (caught.value.most, caught.value.what) == (LARGEST, "bytes")


def test_reading_stops_where_the_bound_is() -> None:
    sent = [0]

    def script(_: Asked, to: Answering) -> None:
        to.send(b"HTTP/1.1 200 OK\r\n\r\n" + HEAD)
        for _round in range(4000):
            to.send(b"x" * 65536)
            sent[0] += 65536

    with pytest.raises(AnswerTooLargeError):
        _asked(script)
    assert sent[0] < 32 * LARGEST, "what is in buffers on the way, and no more"


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_answer_counts_with_its_size_after_decompression(coding: str) -> None:
    compress = gzip.compress if coding == "gzip" else zlib.compress
    assert _asked(_saying(compress(_of(LARGEST)), Content_Encoding=coding)) == [7.0]
    with pytest.raises(AnswerTooLargeError):
        _asked(_saying(compress(_of(200 * LARGEST)), Content_Encoding=coding))


def test_an_error_page_is_bounded_as_well() -> None:
    with pytest.raises(AnswerTooLargeError):
        _asked(_saying(b"x" * (LARGEST + 1), status=500))


def test_too_many_series_are_told_as_that() -> None:
    series = b",".join([b'{"value":[1,"1"]}'] * (MOST_PARTS // 2 + 1))
    with pytest.raises(AnswerTooLargeError, match="lists and objects; the query must return one value"):
        _asked(_saying(b'{"data":{"result":[' + series + b"]}}"))


@pytest.mark.parametrize("data", ['{"data"'.encode("utf-16"), b'{"data": "\xff"}', "{}".encode("utf-32")])
def test_what_is_no_utf_8_is_no_answer(data: bytes) -> None:
    with pytest.raises(QueryError, match="no JSON"):
        _asked(_saying(data))


def test_a_server_may_warn_of_a_few_things_only() -> None:
    content = {"data": {"result": [1, "1"]}, "warnings": ["first\n\x1b[31m", *("more" for _ in range(1000))]}
    with structlog.testing.capture_logs() as logs:
        assert _asked(_saying(json.dumps(content).encode())) == [1.0]
    assert [line["warning"] for line in logs] == ["first \ufffd[31m", "more", "more"]


# -- Depth ----------------------------------------------------------------------------------------------------------


def _depth(value: object) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


deep_values = st.recursive(
    st.none() | st.text('[]{}"\\a', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\', max_size=4), inner, max_size=3),
    max_leaves=20,
)


@given(deep_values, st.integers(0, 2 * DEEPEST), st.booleans())
def test_depth_is_what_a_parser_would_find(value: object, more: int, ascii_only: bool) -> None:
    for number in range(more):
        value = [value] if number % 2 else {"a": value}
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    if _depth(value) > DEEPEST:
        with pytest.raises(AnswerTooLargeError, match="32 levels"):
            check(data)
    else:
        check(data)


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 50_000, b'{"warnings":' + b"[" * 40_000, b"[{" * 33])
def test_what_is_too_deep_is_never_parsed(data: bytes) -> None:
    with pytest.raises(AnswerTooLargeError):
        check(data)
