"""What is wrong with a manifest, as data: one `Mistake` per fault, all of a file together in a `ManifestError`."""

import json
import math
from collections.abc import Iterable
from itertools import islice
from typing import Final

from attrs import frozen

from canary_adapters.plain_text import is_acted_upon

__all__ = ["ManifestError", "Mistake", "shown"]

_LONGEST: Final = 80
_DEEPEST: Final = 3


@frozen(kw_only=True)
class Mistake:
    """One fault of one document."""

    file: str
    """The file as the user named it, or what stands for it (``<text>``)."""
    allowed: str
    """What would have been right, in words that follow ``must be`` or stand alone."""
    document: int | None = None
    """Number of the YAML document within the file, from 1. None: the fault is in the file as a whole."""
    line: int | None = None
    """Line of the file, from 1, as near to the fault as is known."""
    kind: str | None = None
    """Kind of the object (``Canary``), if the document got so far as to say."""
    name: str | None = None
    """``namespace/name`` of the object, or only its name."""
    path: str = ""
    """The field (``spec.analysis.metrics[0].thresholdRange.min``). Empty: the document as a whole."""
    value: str | None = None
    """What was given, in JSON notation, shortened. None: nothing was given."""

    def __str__(self) -> str:
        """One line: where, what, and what is allowed."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        where = [place]
        if self.document is not None:
            where.append(f"document {self.document}")
        subject = " ".join(part for part in (self.kind, self.name) if part)
        where += [part for part in (subject, self.path) if part]
        given = "" if self.value is None else f"{self.value} is not allowed: "
        return f"{': '.join(where)}: {given}{self.allowed}"


class ManifestError(ValueError):
    """A manifest cannot be used: bad input, to be mended by who wrote it.

    Attributes:
        mistakes: All of them, in the order of the file; at least one.
    """

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes: tuple[Mistake, ...] = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


def shown(value: object) -> str:
    """A value in JSON notation for a message: one line, at most 80 characters, however large the value is."""
    text = json.dumps(_trimmed(value, _DEEPEST), ensure_ascii=False, default=lambda other: f"<{type(other).__name__}>")
    if not text.isprintable():  # json.dumps escapes some control characters, but not all that a terminal acts upon
        text = "".join(map(_escaped, text[: _LONGEST + 1]))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _escaped(character: str) -> str:
    if is_acted_upon(character) or (character.isspace() and character != " "):
        return json.dumps(character).strip('"')
    return character


def _trimmed(value: object, depth: int) -> object:
    if isinstance(value, str):
        return value[: _LONGEST + 1]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return "a number of more than 18 digits"
    if isinstance(value, dict):
        items = islice(value.items(), 10)
        return {str(k)[:_LONGEST]: _trimmed(v, depth - 1) for k, v in items} if depth else "{...}"
    if isinstance(value, list | tuple):
        return [_trimmed(v, depth - 1) for v in value[:10]] if depth else "[...]"
    return value
