"""What a test knows of something that reads foreign text: how it is called, and what means something to it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen
from prombed import PrombedError
from urllib3.exceptions import InvalidHeader

from canary_adapters.loadtester.payload import PayloadError
from canary_adapters.loadtester.words import NotPlainError
from canary_adapters.manifests import ManifestError, TemplateError
from canary_adapters.manifests.values import WrongValueError
from canary_adapters.prometheus.pool import QueryError
from canary_lab.cluster.errors import ApiError
from canary_lab.mesh.http1 import GarbageError, SettingError
from canary_ports import PortError
from stories.shapes import NUMBER, Shape

__all__ = ["Reader", "again", "listed", "words"]

REFUSALS: Final = (
    *(ApiError, GarbageError, InvalidHeader, ManifestError, NotPlainError, PayloadError, PortError, PrombedError),
    *(QueryError, SettingError, TemplateError, WrongValueError, ValueError, RecursionError),
)
"""How readers say that they cannot read something."""
_MARKS: Final = {"␣": " ", "⏎": "\n", "⇥": "\t", "␀": "\0", "#": NUMBER}


@frozen(kw_only=True)
class Reader:
    """Something that reads a text."""

    name: str
    call: Callable[[str], object]
    tokens: Sequence[str]
    """What means something to it, whole and broken."""
    frames: Sequence[tuple[str, str]] = (("", ""),)
    """Beginnings and ends within which they mean most."""
    harmless: Callable[[int], str]
    """What people may write, of about so many characters, and as dense as it may well be."""
    worst: Sequence[Shape] = ()
    """Shapes that have been slow once, or are to many a reader."""
    slack: int = 3_000
    """Steps that errors cost, or guesses at what was meant, however long the text is."""
    longest: int = 64 * 1024
    """Characters of the longest text that is tried; fewer where counting takes long."""

    def read(self, text: str) -> None:
        """Read a text, whatever comes of it."""
        with contextlib.suppress(*REFUSALS):
            self.call(text)


def words(text: str) -> tuple[str, ...]:
    """The tokens of a text, between blanks; in them ␣, ⏎, ⇥ and ␀ are what they look like, and # is a number."""
    return tuple("".join(_MARKS.get(character, character) for character in token) for token in text.split())


def again(unit: str, end: str = "") -> Callable[[int], str]:
    """The same again and again."""
    return lambda length: unit * ((length - len(end)) // len(unit)) + end


def listed(frame: tuple[str, str], unit: str) -> Callable[[int], str]:
    """A list between a beginning and an end, each of whose entries has a number of its own."""

    def text(length: int) -> str:
        begin, end = frame
        found: list[str] = []
        size = len(begin) + len(end)
        while (size := size + len(entry := unit.replace(NUMBER, str(len(found)))) + 1) <= length:
            found.append(entry)
        return begin + ",".join(found) + end

    return text
