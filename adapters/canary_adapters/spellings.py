"""Where a text holds a credential, however that is spelled.

It is found as it is, in base64 (that for URLs, and in the middle of something longer, as well) and in hexadecimal; each
of these also percent-encoded and with the escapes of JSON, Python, Go and HTML, up to four of them on top of each
other, and with control characters or folded lines in between. Work grows with the length of the text, whatever it
holds.
"""

import base64
import html
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias
from urllib.parse import quote_plus

from attrs import frozen

__all__ = ["PIECE", "finished", "spans_of"]

PIECE: Final = 12
"""Bytes of a part that is found without the rest."""
_LEAST: Final = 4
_LAYERS: Final = 4
_ESCAPE: Final = re.compile(
    rb"%[0-9A-Fa-f]{2}"
    rb"|\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
    rb"|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[^ux]"
    rb"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
)
_UNFINISHED: Final = re.compile(
    rb"(?:%[0-9A-Fa-f]?"
    rb"|\\(?:u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?|u[dD][89abAB][0-9A-Fa-f]{2})?"
    rb"|&[#0-9A-Za-z]{0,8})+\Z"
)
_LONGEST_ESCAPE: Final = 64
"""Bytes at an end among which an escape may begin, with those that are in it."""
_CONTROLS: Final = re.compile(
    rb"[\r\n][\x00-\x20]*|[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf"
)
"""Line breaks with the blanks of a folded line, other controls, and characters without width."""
_SIMPLE: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"0": b"\0"}
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_OF_BASE64: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


def finished(raw: bytes) -> bytes:
    """A text that was cut, without the escape in the midst of which it was."""
    found = _UNFINISHED.search(raw[-_LONGEST_ESCAPE:])
    return raw if found is None else raw[: len(raw) - len(found[0])]


def spans_of(raw: bytes, secrets: Iterable[str], phrases: Iterable[str], *, cut: bool) -> Iterator[tuple[int, int]]:
    """From where to where a text holds one of these; spans may overlap.

    Args:
        raw: The text in UTF-8.
        secrets: Found as a whole and in pieces; each of at least four characters.
        phrases: Found as a whole only; the same.
        cut: Whether the text went on, so that one may begin at its end.
    """
    whole = [form for each in phrases for form in _sent(each)]
    both = [form for each in secrets for form in _sent(each)]
    plain = _Needles.of(map(_decoded, both), map(_decoded, whole))
    encoded = _Needles.of(map(_in_base64, both), map(_in_base64, whole))
    hexadecimal = _Needles.of(map(_in_hexadecimal, both), map(_in_hexadecimal, whole))
    for layer in _layers(raw):
        for first, last in plain.found(layer.data, cut=cut):
            yield layer.span(first, last)
        for first, last in hexadecimal.found(layer.data.lower(), cut=cut):
            yield layer.span(first, last)
        standard = layer.data.translate(_TO_STANDARD)
        for first, last in encoded.found(standard, cut=cut):
            yield layer.span(*_widened(standard, first, last))


def _widened(data: bytes, first: int, last: int) -> tuple[int, int]:
    """The characters of base64 beside a part hold its last bits."""
    before = first > 0 and data[first - 1] in _OF_BASE64
    after = last < len(data) and data[last] in _OF_BASE64
    return first - before, last + after


# -- How it may be spelled ------------------------------------------------------------------------------------------


def _sent(secret: str) -> set[bytes]:
    """The bytes that are sent, and what comes of them where they are taken for UTF-8."""
    latin = secret.encode("latin-1", "ignore")
    forms = {secret.encode("utf-8", "surrogatepass"), latin, latin.decode("utf-8", "replace").encode()}
    return {form for form in forms if len(form) >= _LEAST}


def _decoded(secret: bytes) -> set[bytes]:
    """It may hold itself what is taken for an escape. Forms send a plus for a blank."""
    forms = {secret, quote_plus(secret).encode()} if b" " in secret else {secret}
    return {layer.data for form in forms for layer in _layers(form)}


def _in_hexadecimal(secret: bytes) -> set[bytes]:
    return {secret.hex().encode()}


def _in_base64(secret: bytes) -> set[bytes]:
    """What is in the code whatever stands before and after: for each of the three places where it may begin."""
    found = {base64.b64encode(secret).rstrip(b"=")}
    for before in range(3):
        code = base64.b64encode(b"\0" * before + secret)
        part = code[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        # Fewer characters stand for fewer than four bytes.
        found |= {part} if len(part) > _LEAST else set()
    return found


@frozen
class _Needles:
    """What is looked for."""

    whole: frozenset[bytes]
    pieces: frozenset[bytes]
    """All parts of `PIECE` bytes of some of them."""
    beginnings: frozenset[bytes]
    """Shorter ones with which one begins."""

    @classmethod
    def of(cls, both: Iterable[Iterable[bytes]], whole: Iterable[Iterable[bytes]]) -> "_Needles":
        in_pieces = {form for forms in both for form in forms if len(form) >= _LEAST}
        every = in_pieces | {form for forms in whole for form in forms if len(form) >= _LEAST}
        return cls(
            whole=frozenset(every),
            pieces=frozenset(form[at : at + PIECE] for form in in_pieces for at in range(len(form) - PIECE + 1)),
            beginnings=frozenset(form[:size] for form in every for size in range(1, min(PIECE, len(form)))),
        )

    def found(self, data: bytes, *, cut: bool) -> Iterator[tuple[int, int]]:
        """From where to where."""
        for form in self.whole:
            at = data.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = data.find(form, at + len(form))
        for at in range(len(data) - PIECE + 1 if self.pieces else 0):
            if data[at : at + PIECE] in self.pieces:
                yield at, at + PIECE
        for size in range(min(PIECE - 1, len(data)) if cut else 0, 0, -1):
            if data[-size:] in self.beginnings:
                yield len(data) - size, len(data)
                return


# -- Escapes --------------------------------------------------------------------------------------------------------


@frozen
class _Layer:
    """A text with some of its escapes resolved, and where each byte of it comes from."""

    data: bytes
    starts: list[int]
    ends: list[int]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where a part of it comes from."""
        return self.starts[first], self.ends[last - 1]


def _layers(raw: bytes) -> Iterator[_Layer]:
    """The text without control characters, the same with its escapes resolved, and so on."""
    layer = _replaced(_Layer(raw, list(range(len(raw))), list(range(1, len(raw) + 1))), _CONTROLS, _nothing)
    yield layer
    for _ in range(_LAYERS):
        if _ESCAPE.search(layer.data) is None:
            return
        layer = _replaced(_replaced(layer, _ESCAPE, _meaning), _CONTROLS, _nothing)
        yield layer


_Meaning: TypeAlias = Callable[[bytes], bytes]


def _replaced(layer: _Layer, pattern: re.Pattern[bytes], meaning: _Meaning) -> _Layer:
    data, starts, ends, position = bytearray(), list[int](), list[int](), 0
    for match in pattern.finditer(layer.data):
        first, last, means = match.start(), match.end(), meaning(match[0])
        data += layer.data[position:first] + means
        starts += layer.starts[position:first] + [layer.starts[first]] * len(means)
        ends += layer.ends[position:first] + [layer.ends[last - 1]] * len(means)
        position = last
    data += layer.data[position:]
    return _Layer(bytes(data), starts + layer.starts[position:], ends + layer.ends[position:])


def _nothing(_: bytes) -> bytes:
    return b""


def _meaning(escape: bytes) -> bytes:
    """What an escape stands for."""
    match escape[:1], escape[1:2]:
        case b"%", _:
            return bytes([int(escape[1:], 16)])
        case b"&", b"#":
            digits = escape[2:-1].decode().lower()
            code = int(digits[1:], 16) if digits.startswith("x") else int(digits)
            return chr(code).encode("utf-8", "surrogatepass") if code <= sys.maxunicode else b""
        case b"&", _:
            return html.unescape(escape.decode()).encode()
        case _, b"x":
            return bytes([int(escape[2:4], 16)])
        case _, b"u":
            text = "".join(chr(int(part, 16)) for part in escape.decode().split("\\u")[1:])
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
        case _:
            return _SIMPLE.get(escape[1:], escape[1:])
