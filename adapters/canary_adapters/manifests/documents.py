"""From text to plain documents: YAML as Kubernetes takes it, within bounds.

Built from the events of PyYAML's safe parser, not by its constructors: so depth, size and what aliases multiply to
are bounded while reading, a key that stands twice is seen, and every value keeps its line. Scalars are read as
Kubernetes' own tools read them: booleans of YAML 1.1, but no dates, and no numbers to the base of 60.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml
from attrs import define, field, frozen

from canary_adapters.manifests.structure import Path

__all__ = ["LARGEST", "Document", "YAMLFault", "documents"]

LARGEST: Final = 1024 * 1024
"""Bytes of the largest file that is read."""
_DEEPEST: Final = 50
_MOST_NODES: Final = 100_000
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TRUE: Final = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE: Final = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER: Final = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)", re.ASCII)
_DECIMAL: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_INFINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER: Final = 400
_TAG: Final = "tag:yaml.org,2002:"


class YAMLFault(Exception):  # noqa: N818 - a fault of the document, which becomes a mistake
    """The text cannot be read on from here.

    Attributes:
        said: What is wrong, in words.
        line: Line of the text, from 1, or None.
    """

    def __init__(self, said: str, line: int | None) -> None:
        self.said = said
        self.line = line
        super().__init__(said)


@frozen(kw_only=True)
class Document:
    """One YAML document."""

    number: int
    """From 1, empty documents counted."""
    content: object
    """Mappings, lists and scalars."""
    lines: dict[Path, int]
    """Line of each value that does not come from an alias."""
    faults: tuple[tuple[Path, int, str], ...]
    """What is wrong although the document could be read: path, line, words."""

    def line_of(self, path: Path) -> int | None:
        """Line of a value, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def documents(text: str) -> Iterator[Document]:
    """Read the documents of a text one after the other, leaving out empty ones.

    Raises:
        YAMLFault: The text is no YAML, or exceeds a bound. What came before has been given.
    """
    number = 0
    try:
        events = yaml.parse(text, Loader=_LOADER)
        budget = _Budget()
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                number += 1
                builder = _Builder(following=lambda: next(events), budget=budget)
                content = builder.node((), 0)
                if content is not None:
                    yield Document(number=number, content=content, lines=builder.lines, faults=tuple(builder.faults))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        column = f" (column {mark.column + 1})" if mark else ""
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise YAMLFault(f"this is not YAML: {said}{column}", mark.line + 1 if mark else None) from None
    except yaml.reader.ReaderError as error:
        raise YAMLFault(
            f"this is not YAML: {error.reason} (character U+{_ordinal(error.character):04X})", None
        ) from None
    except UnicodeError:
        raise YAMLFault("this is not YAML: a character that no file can hold", None) from None


def _ordinal(character: Any) -> int:
    return character if isinstance(character, int) else ord(character[:1] or "\0")


@define
class _Budget:
    """Nodes that may still be made, for the whole text: the same bound holds whatever way they multiply."""

    left: int = _MOST_NODES

    def spend(self, count: int, line: int) -> None:
        self.left -= count
        if self.left < 0:
            raise YAMLFault(f"more than {_MOST_NODES} values, aliases followed", line)


@define
class _Builder:
    """Makes one document from events."""

    following: Callable[[], Any]
    budget: _Budget
    lines: dict[Path, int] = field(factory=dict)
    faults: list[tuple[Path, int, str]] = field(factory=list)
    _anchors: dict[str | None, tuple[object, int] | None] = field(factory=dict)

    def node(self, path: Path, depth: int, event: Any = None) -> object:
        """The value that begins with the next event (or with the given one)."""
        event = event or self.following()
        line = event.start_mark.line + 1
        self.lines.setdefault(path, line)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", line)
        if depth > _DEEPEST:
            raise YAMLFault(f"nested deeper than {_DEEPEST} levels", line)
        before = self.budget.left
        self.budget.spend(1, line)
        if event.anchor:
            self._anchors[event.anchor] = None
        value = self._value(event, path, depth, line)
        if event.anchor:
            self._anchors[event.anchor] = (value, before - self.budget.left)
        return value

    def _alias(self, anchor: str, line: int) -> object:
        if anchor not in self._anchors:
            raise YAMLFault(f"alias *{anchor[:80]} without an anchor &{anchor[:80]} before it", line)
        known = self._anchors[anchor]
        if known is None:
            raise YAMLFault(f"alias *{anchor[:80]} inside its own anchor", line)
        value, size = known
        self.budget.spend(size, line)
        return value

    def _value(self, event: Any, path: Path, depth: int, line: int) -> object:
        if isinstance(event, yaml.MappingStartEvent):
            self._known_tag(event.tag, "map", path, line)
            return self._mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            self._known_tag(event.tag, "seq", path, line)
            return self._list(path, depth)
        try:
            return _scalar(event)
        except ValueError as error:
            self.faults.append((path, line, str(error)))
            return event.value

    def _known_tag(self, tag: str | None, kind: str, path: Path, line: int) -> None:
        if tag not in {None, "!", _TAG + kind}:
            self.faults.append((path, line, f"tag {str(tag)[:80]} is not known to Kubernetes"))

    def _list(self, path: Path, depth: int) -> list[object]:
        values: list[object] = []
        while not isinstance(event := self.following(), yaml.SequenceEndEvent):
            values.append(self.node((*path, len(values)), depth + 1, event))
        return values

    def _mapping(self, path: Path, depth: int) -> dict[str, object]:
        values: dict[str, object] = {}
        merged: dict[str, object] = {}
        while not isinstance(event := self.following(), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            key, merging = self._key(event, path, depth)
            value = self.node((*path, key or "?"), depth + 1)
            if key is None:
                continue
            if merging:
                self._merge(merged, value, path, line)
            elif key in values:
                self.faults.append(((*path, key), line, "this key stands twice in one mapping"))
            else:
                values[key] = value
        return merged | values

    def _key(self, event: Any, path: Path, depth: int) -> tuple[str | None, bool]:
        if isinstance(event, yaml.ScalarEvent):
            self.node((*path, event.value), depth + 1, event)
            return event.value, event.value == "<<" and event.implicit[0]
        line = event.start_mark.line + 1
        found = self.node(path, depth + 1, event)
        if isinstance(found, str):
            return found, False
        self.faults.append((path, line, "a key must be a text"))
        return None, False

    def _merge(self, merged: dict[str, object], value: object, path: Path, line: int) -> None:
        """Add what is not there yet."""
        parts: list[object] = value if isinstance(value, list) else [value]
        mappings = [part for part in parts if isinstance(part, dict)]
        if len(mappings) < len(parts):
            self.faults.append((path, line, "<< must be followed by a mapping or by a list of mappings"))
            return
        for mapping in mappings:
            for key, inner in mapping.items():
                merged.setdefault(key, inner)


def _scalar(event: Any) -> object:
    """The value of a scalar.

    Raises:
        ValueError: Its tag is not known, or is not right for it.
    """
    text: str = event.value
    if event.tag == _TAG + "str" or (event.tag in {None, "!"} and not event.implicit[0]):
        return text
    found = _plain(text)
    if event.tag is None:
        return found
    kinds: dict[str, type | None] = {"bool": bool, "int": int, "float": float, "null": None}
    name = event.tag.removeprefix(_TAG)
    if name not in kinds:
        raise ValueError(f"tag {event.tag[:80]} is not known to Kubernetes")
    if name == "float" and type(found) is int:
        return float(found)
    kind = kinds[name]
    if found is not None if kind is None else type(found) is not kind:
        raise ValueError(f"tag !!{name} does not fit this text")
    return found


def _plain(text: str) -> object:
    """What a scalar without quotes and tag is."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return _whole(text)
    if _DECIMAL.fullmatch(text) or _INFINITE.fullmatch(text):
        digits = text.replace("_", "")
        return float(digits.replace(".", "") if _INFINITE.fullmatch(text) else digits)
    return text


def _whole(text: str) -> object:
    digits = text.replace("_", "")
    unsigned = digits.lstrip("+-")
    octal = len(unsigned) > 1 and unsigned[0] == "0" and unsigned[1].isdigit()
    try:
        return int(digits, 8) if octal else int(digits, 0)
    except ValueError:
        return text
