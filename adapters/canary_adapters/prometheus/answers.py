"""What a Prometheus server answers to an instant query: read as a stream, bounded before it is parsed, then its values.

https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

import json
from itertools import accumulate
from typing import Any, Final

import requests
from attrs import frozen

from canary_adapters.deadlines import within
from canary_adapters.plain_text import without_markup

__all__ = ["AnswerTooLargeError", "QueryError", "Said", "body_of", "error_of", "said"]

LARGEST: Final = 2**20
"""Bytes of one answer, after decompression."""
DEEPEST: Final = 32
"""Lists and objects within each other. Prometheus sends six."""
MOST_PARTS: Final = 50_000
"""Lists and objects of an answer: more series than any query returns that is meant to have one value."""
MOST_WARNINGS: Final = 3
_PIECE: Final = 65_536
BEGINNING: Final = 8 * 1024 + 1
"""Characters of an answer that get into the text of an error; one more than is looked at, as it may go on."""
_ALL: Final = bytes(range(256))
_NOT_BRACKETS: Final = _ALL.translate(None, b"[]{}")
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


@frozen
class Said:
    """What is used of an answer."""

    values: tuple[float, ...]
    """One for each series."""
    warnings: tuple[str, ...]
    """The first ones."""


class QueryError(Exception):
    """A query had no answer that can be used."""


class AnswerTooLargeError(QueryError):
    """An answer has more bytes, or more or deeper parts, than are read.

    Attributes:
        most: The bound.
        what: Of what.
    """

    def __init__(self, most: int, what: str) -> None:
        self.most, self.what = most, what
        super().__init__(f"the answer has more than {most} {what}; the query must return one value, not series")


def body_of(response: requests.Response, seconds: float) -> bytes:
    """Read an answer, piece by piece, and no further than the bound.

    Args:
        response: Of which nothing has been read yet.
        seconds: For the whole of it.

    Raises:
        AnswerTooLargeError: It is longer.
        requests.exceptions.Timeout: It is not there in time.
        requests.RequestException: It breaks off.
    """
    found = bytearray()
    with within(seconds, response.raw.shutdown) as deadline:
        try:
            for piece in response.iter_content(_PIECE):
                found += piece
                if len(found) > LARGEST:
                    response.close()
                    raise AnswerTooLargeError(LARGEST, "bytes")
        except requests.RequestException:
            if not deadline.passed:
                raise
    if deadline.passed:
        raise requests.exceptions.Timeout
    return bytes(found)


def said(data: bytes) -> Said | QueryError:
    """What an answer says.

    Returns:
        An error if it is no answer of Prometheus, none with values, or has too many or too deep parts. It is not raised
        here: its traceback would keep all of the answer for as long as somebody has the error.
    """
    try:
        return _parsed(data)
    except QueryError as error:
        error.__context__ = None
        return error.with_traceback(None)


def _parsed(data: bytes) -> Said:
    check(data)
    try:
        content = json.loads(data)
    except ValueError:
        raise QueryError("the answer is no JSON") from None
    inner = content.get("data") if isinstance(content, dict) else None
    if not isinstance(inner, dict) or "result" not in inner:
        raise QueryError(f"the answer is no answer of Prometheus: {_begun(content)}")
    warnings = content.get("warnings")
    found = warnings[:MOST_WARNINGS] if isinstance(warnings, list) else []
    return Said(tuple(values_of(inner["result"])), tuple(map(str, found)))


def check(data: bytes) -> None:
    """See to it that an answer can be parsed with little memory, and without recursion that matters.

    Raises:
        QueryError: It is no UTF-8, which JSON is.
        AnswerTooLargeError: It has too many or too deep parts.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        raise QueryError("the answer is no JSON") from None
    # Outside of strings; of what is no JSON the parser will tell later, and it gets no further than we do.
    outside = b"".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    brackets = outside.translate(None, _NOT_BRACKETS)
    if len(brackets) > 2 * MOST_PARTS:
        raise AnswerTooLargeError(MOST_PARTS, "lists and objects")
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > DEEPEST:
        raise AnswerTooLargeError(DEEPEST, "levels")


def error_of(status: int, data: bytes) -> QueryError:
    """What an answer of another status than 200 says."""
    text = data[:BEGINNING].decode("utf-8", "replace")
    return QueryError(f"HTTP Status Code {status} ({without_markup(text).strip()})")


def _begun(part: object) -> str:
    return repr(part)[:BEGINNING]


def values_of(result: object) -> list[float]:
    """Of a vector, or of a scalar, which is sent as ``[time, value]``.

    Raises:
        QueryError: It is neither.
    """
    if not isinstance(result, list):
        raise QueryError("the answer is no vector")
    if len(result) == 2 and isinstance(result[0], int | float):
        return [_number(result)]
    if not all(isinstance(series, dict) for series in result):
        raise QueryError(f"the answer is no vector: {_begun(result)}")
    if any("values" in series for series in result):
        raise QueryError("the query returned several values over time; it must return one value at one time")
    return [_number(series.get("value")) for series in result]


def _number(pair: Any) -> float:
    """Of ``[time, "value"]``; the time is that of the server, and does not matter."""
    value = pair[1] if isinstance(pair, list) and len(pair) == 2 else None
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise QueryError(f"no number: {_begun(pair)}")
