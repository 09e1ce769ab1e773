"""HTTP/1.1 as a client that measures needs it: the bytes of a request, and answers read from bytes. No socket.

Bodies are counted and not kept. The reader is strict: what is not plainly an answer is `GarbageError`, because a load
test that guesses would count a broken answer as a good one. The rules of framing are those of RFC 9112, section 6.3.
"""

import re
from collections.abc import Generator, Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

__all__ = ["GarbageError", "Request", "Response", "ResponseReader", "SettingError", "request_to"]

LARGEST_HEAD: Final = 64 * 1024
"""Bytes of status line and headers, and of trailers."""
_LONGEST_CHUNK_LINE: Final = 4096
_PROLOGUE: Final = b"HTTP/1."
_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: .*)?")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{1,15}")
_URL: Final = re.compile(r"[\x21-\x7e]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class SettingError(ValueError):
    """Something that was asked for cannot be done: bad input.

    Attributes:
        field: What is wrong (``url``, ``headers``).
        value: What was given.
        allowed: What would have been right.
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field, self.value, self.allowed = field, value, allowed
        super().__init__(f"{field}: {_shown(value)} is not allowed: {allowed}")


class GarbageError(Exception):
    """What came is no answer of HTTP/1.1, or not a whole one."""


@frozen(kw_only=True)
class Request:
    """A request that can be sent any number of times."""

    host: str
    """Where to connect: the proxy, or the server itself."""
    port: int
    wire: bytes
    """What is sent."""
    head: bool
    """Whether the answer has no body whatever its headers say."""


@frozen(kw_only=True)
class Response:
    """An answer without its body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Names in lower case."""
    size: int
    """Bytes of the body."""
    reusable: bool
    """Whether another request may follow on the connection."""

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a header."""
        return tuple(value for key, value in self.headers if key == name)


def request_to(
    url: str,
    *,
    proxy: str | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    host: str = "",
) -> Request:
    """A request as it goes over the wire.

    Args:
        url: ``http`` only.
        proxy: A forward proxy; it is sent the absolute URL.
        method: Of the request.
        headers: Further ones; they replace those that are always sent.
        body: Sent with its length.
        host: Stands for the host of the URL in what is sent.

    Raises:
        SettingError: One of these cannot be sent.
    """
    target = _split("url", url)
    via = _split("proxy", proxy) if proxy is not None else target
    if not _TOKEN.fullmatch(method):
        raise SettingError("method", method, "a word like GET")
    if host and not _URL.fullmatch(host):
        raise SettingError("host", host, "a host, and a port if it needs one")
    authority = host or target.netloc
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    where = f"http://{authority}{path}" if proxy is not None else path
    sent = {"host": ("Host", authority), "accept": ("Accept", "*/*")}
    if body:
        sent["content-length"] = ("Content-Length", str(len(body)))
    for name, value in (headers or {}).items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise SettingError("headers", f"{name}: {value}", "a name without blanks, and a value of one line")
        if name.lower() in {"content-length", "transfer-encoding"}:
            raise SettingError("headers", name, "the length of what is sent is always told rightly")
        sent[name.lower()] = (name, value)
    lines = [f"{method} {where} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.values()), "", ""]
    return Request(
        host=via.hostname or "",
        port=via.port or 80,
        wire="\r\n".join(lines).encode("latin-1") + body,
        head=method == "HEAD",
    )


def _split(field: str, url: str) -> SplitResult:
    refused = SettingError(field, url, "an address like http://127.0.0.1:8080/path, in printable ASCII, without a user")
    if not _URL.fullmatch(url):  # urlsplit itself would drop line breaks without a word
        raise refused
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refused from None
    if parts.scheme != "http" or not parts.hostname or port == 0 or "@" in parts.netloc:
        raise refused
    return parts


class ResponseReader:
    """One answer, from pieces as they come."""

    def __init__(self, *, head: bool) -> None:
        """Begins to wait for one.

        Args:
            head: Whether it answers a HEAD request.
        """
        self._buffer = bytearray()
        self._ended = self._begun = False
        self._reading = self._response(head)
        next(self._reading)

    def feed(self, data: bytes) -> Response | None:
        """Take what came.

        Returns:
            None: The answer is not whole yet.

        Raises:
            GarbageError: It is no answer.
        """
        self._buffer += data
        self._begun = True
        return self._advance()

    def end(self) -> Response:
        """The peer has closed the connection.

        Raises:
            GarbageError: The answer is not whole.
        """
        self._ended = True
        found = self._advance()
        if found is None:
            raise AssertionError("a reader at its end has an answer or an error")
        return found

    def _advance(self) -> Response | None:
        try:
            next(self._reading)
        except StopIteration as done:
            response: Response = done.value
            return response
        return None

    # -- The answer, read by a generator that is resumed whenever there is more ---------------------------------------

    def _response(self, head: bool) -> Generator[None, None, Response]:
        while True:
            version, status, headers = _head((yield from self._head_text()))
            if status >= 200:
                break
            if status == 101:
                raise GarbageError("the server changes to a protocol that nobody asked for")
        reusable = _keeps(version, headers)
        if head or status in {204, 304}:
            size = 0
        elif codings := _listed(headers, "transfer-encoding"):
            # Together with a length it may be an attempt to smuggle: such a connection carries nothing more.
            reusable = reusable and not _listed(headers, "content-length")
            if codings[-1] == "chunked":
                size = yield from self._chunked()
            else:
                size, reusable = (yield from self._until_close()), False
        elif (length := _length(headers)) is not None:
            size = yield from self._skip(length)
        else:
            size, reusable = (yield from self._until_close()), False
        return Response(status=status, headers=headers, size=size, reusable=reusable and not self._buffer)

    def _more(self) -> Generator[None, None, None]:
        if self._ended:
            raise GarbageError("closed in the middle of an answer" if self._begun else "closed without an answer")
        yield

    def _head_text(self) -> Generator[None, None, str]:
        # Garbage is told from a slow answer by its first bytes: waiting for the end of a head that never comes would
        # make a timeout of it.
        while len(self._buffer) < len(_PROLOGUE) and _PROLOGUE.startswith(self._buffer):
            yield from self._more()
        if not self._buffer.startswith(_PROLOGUE):
            raise GarbageError(f"no answer of HTTP/1.1: {_shown(bytes(self._buffer[:40]))}")
        return (yield from self._upto(b"\r\n\r\n", LARGEST_HEAD)).decode("latin-1")

    def _upto(self, mark: bytes, most: int) -> Generator[None, None, bytes]:
        searched = 0
        while (at := self._buffer.find(mark, searched)) < 0:
            if len(self._buffer) > most:
                raise GarbageError(f"a head or a line of more than {most} bytes")
            searched = max(0, len(self._buffer) - len(mark) + 1)
            yield from self._more()
        if at > most:
            raise GarbageError(f"a head or a line of more than {most} bytes")
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return found

    def _skip(self, size: int) -> Generator[None, None, int]:
        left = size
        while len(self._buffer) < left:
            left -= len(self._buffer)
            self._buffer.clear()
            yield from self._more()
        del self._buffer[:left]
        return size

    def _until_close(self) -> Generator[None, None, int]:
        size = 0
        while True:
            size += len(self._buffer)
            self._buffer.clear()
            if self._ended:
                return size
            yield

    def _chunked(self) -> Generator[None, None, int]:
        size = 0
        while True:
            line = yield from self._upto(b"\r\n", _LONGEST_CHUNK_LINE)
            digits = line.partition(b";")[0].rstrip(b" \t")
            if not _HEX.fullmatch(digits):
                raise GarbageError(f"no size of a chunk: {_shown(digits[:40])}")
            chunk = int(digits, 16)
            if chunk == 0:
                yield from self._trailers()
                return size
            size += yield from self._skip(chunk)
            if (yield from self._upto(b"\r\n", _LONGEST_CHUNK_LINE)):
                raise GarbageError("a chunk that is longer than it says")

    def _trailers(self) -> Generator[None, None, None]:
        left = LARGEST_HEAD
        while line := (yield from self._upto(b"\r\n", left)):
            left -= len(line)


def _head(text: str) -> tuple[int, int, tuple[tuple[str, str], ...]]:
    """Minor version, status and headers."""
    first, *lines = text.split("\r\n")
    found = _STATUS_LINE.fullmatch(first)
    if found is None:
        raise GarbageError(f"no status line: {_shown(first)}")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise GarbageError(f"no header: {_shown(line)}")
        headers.append((name.lower(), value.strip(" \t")))
    return int(found[1]), int(found[2]), tuple(headers)


def _listed(headers: tuple[tuple[str, str], ...], name: str) -> list[str]:
    """The members of a header that is a list, in lower case."""
    values = [value for key, value in headers if key == name]
    return [member.strip(" \t").lower() for value in values for member in value.split(",")]


def _keeps(version: int, headers: tuple[tuple[str, str], ...]) -> bool:
    wishes = _listed(headers, "connection")
    return "close" not in wishes and (version == 1 or "keep-alive" in wishes)


def _length(headers: tuple[tuple[str, str], ...]) -> int | None:
    lengths = set(_listed(headers, "content-length"))
    if not lengths:
        return None
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit() and len(length) <= 15):
        raise GarbageError(f"no length of a body: {_shown(length)}")
    return int(length)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
