"""From files and text to typed objects, with every mistake of every document."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

from attrs import define, evolve, field, frozen
from cattrs.errors import BaseValidationError

from canary_adapters.manifests.documents import LARGEST, Document, YAMLFault, documents
from canary_adapters.manifests.mistakes import ManifestError, Mistake, shown
from canary_adapters.manifests.objects import (
    API_VERSION,
    AlertProvider,
    Canary,
    Manifests,
    MetricTemplate,
    Other,
    Source,
)
from canary_adapters.manifests.relations import relations
from canary_adapters.manifests.structure import ABSENT, MOST_FAULTS, Fault, faults_of, render, structure
from canary_adapters.manifests.structure import Path as FieldPath
from canary_adapters.manifests.values import WrongValueError

__all__ = ["Survey", "read_file", "read_object", "read_text", "survey_file", "survey_text"]

_Object: TypeAlias = Canary | MetricTemplate | AlertProvider
_KINDS: Final[Mapping[str, type[_Object]]] = {
    "Canary": Canary,
    "MetricTemplate": MetricTemplate,
    "AlertProvider": AlertProvider,
}
_MOST_GUESSES: Final = 20
"""In one file: guessing what was meant takes a millisecond, and nobody misspells so much."""
_GROUP: Final = API_VERSION.partition("/")[0]


@frozen(kw_only=True)
class Survey:
    """What could be read of a file, and what could not."""

    found: Manifests = field(factory=Manifests)
    mistakes: tuple[Mistake, ...] = ()

    def without_mistakes(self) -> Manifests:
        """What was found, if nothing is wrong.

        Raises:
            ManifestError: Something is.
        """
        if self.mistakes:
            raise ManifestError(self.mistakes)
        return self.found


def read_file(path: Path) -> Manifests:
    """Read the manifests of a file; ``-`` is the standard input.

    Raises:
        ManifestError: The file cannot be read, or something in it is wrong.
    """
    return survey_file(path).without_mistakes()


def read_text(text: str, *, source: str = "<text>") -> Manifests:
    """Read the manifests of a text.

    Args:
        text: YAML (or JSON), any number of documents; a ``List`` counts as its items.
        source: What to call the text in messages.

    Raises:
        ManifestError: Something in it is wrong; has all mistakes of all documents.
    """
    return survey_text(text, source=source).without_mistakes()


def read_object(raw: Mapping[str, object], *, source: str = "<object>") -> Manifests:
    """Read one object, or a List, that is plain data already (JSON of the API server).

    Raises:
        ManifestError: Something in it is wrong; has all mistakes.
    """
    reading = _Reading(source=source)
    reading.read(Document(number=1, content=raw, lines={}, faults=()))
    return reading.survey().without_mistakes()


def survey_file(path: Path) -> Survey:
    """As `read_file`, but the objects without mistakes are given beside the mistakes of the others."""
    source = "<stdin>" if str(path) == "-" else str(path).encode("utf-8", "backslashreplace").decode()
    try:
        raw = sys.stdin.buffer.read(LARGEST + 1) if source == "<stdin>" else _beginning(path)
    except FileNotFoundError:
        return _refused(source, "there is no such file")
    except IsADirectoryError:
        return _refused(source, "is a directory, must be a file")
    except (OSError, ValueError) as error:
        return _refused(source, f"cannot be read: {getattr(error, 'strerror', None) or 'not a path'}")
    if len(raw) > LARGEST:
        return _refused(source, f"is larger than {LARGEST // 1024} KiB, must be smaller")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _refused(source, f"is not UTF-8 (byte {error.start})", line)
    return survey_text(text, source=source)


def survey_text(text: str, *, source: str = "<text>") -> Survey:
    """As `read_text`, but the objects without mistakes are given beside the mistakes of the others."""
    if len(text) > LARGEST:
        return _refused(source, f"is larger than {LARGEST // 1024} KiB, must be smaller")
    reading = _Reading(source=source)
    seen = 0
    try:
        for document in documents(text):
            seen += 1
            reading.read(document)
    except YAMLFault as fault:
        reading.mistakes.append(Mistake(file=source, line=fault.line, allowed=fault.said))
    if not seen and not reading.mistakes:
        reading.mistakes.append(Mistake(file=source, allowed="is empty, must hold at least one document"))
    return reading.survey()


def _beginning(path: Path) -> bytes:
    """As much of a file as tells whether it is too large."""
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


def _refused(source: str, said: str, line: int | None = None) -> Survey:
    return Survey(mistakes=(Mistake(file=source, allowed=said, line=line),))


@define
class _Reading:
    """What has been found in one file so far."""

    source: str
    mistakes: list[Mistake] = field(factory=list)
    objects: list[_Object] = field(factory=list)
    others: list[Other] = field(factory=list)
    declared: dict[tuple[str, str, str], int | None] = field(factory=dict)
    """Kind, namespace and name of each object, and the document that it stands in."""
    guesses: Iterator[int] = field(factory=lambda: iter(range(_MOST_GUESSES)))
    """How often it may still be guessed what was meant."""
    passed_over: int = 0

    def survey(self) -> Survey:
        found = Manifests(
            canaries=tuple(one for one in self.objects if isinstance(one, Canary)),
            metric_templates=tuple(one for one in self.objects if isinstance(one, MetricTemplate)),
            alert_providers=tuple(one for one in self.objects if isinstance(one, AlertProvider)),
            others=tuple(self.others),
            passed_over=self.passed_over,
        )
        return Survey(found=found, mistakes=tuple(self.mistakes))

    def read(self, document: Document) -> None:
        """Take in one document."""
        for place, raw in _unpacked(document.content, ()):
            self._read_one(document, place, raw)
        if document.faults:
            kind, name = _title(document.content)
            self.mistakes += [
                Mistake(
                    file=self.source,
                    document=document.number,
                    line=line,
                    kind=kind,
                    name=name,
                    path=render(path),
                    allowed=said,
                )
                for path, line, said in islice(document.faults, MOST_FAULTS)
            ]

    def _read_one(self, document: Document, place: FieldPath, raw: object) -> None:
        wanted, faults = _kind_of(raw, self.guesses)
        if wanted is None and not faults:
            self.passed_over += 1
            self.others += _other(raw)
        if wanted is not None:
            built, faults = _build(raw, wanted, self.guesses)
            if built is not None:
                whole = not faults and not document.faults
                source = Source(file=self.source, document=document.number, line=document.line_of(place))
                faults += self._again(built)
                if whole:
                    self.objects.append(evolve(built, source=source))
                    self.declared.setdefault(_identity(built), document.number)
        kind, name = _title(raw)
        for path, value, allowed in faults:
            self.mistakes.append(
                Mistake(
                    file=self.source,
                    document=document.number,
                    line=document.line_of(place + path),
                    kind=kind,
                    name=name,
                    path=render(place + path),
                    value=None if value is ABSENT else shown(value),
                    allowed=allowed,
                )
            )

    def _again(self, built: _Object) -> list[Fault]:
        if _identity(built) not in self.declared:
            return []
        said = f"is declared already, by document {self.declared[_identity(built)]}"
        return [(("metadata", "name"), built.metadata.name, said)]


def _identity(one: _Object) -> tuple[str, str, str]:
    return one.kind, one.metadata.namespace or "default", one.metadata.name


def _unpacked(raw: object, place: FieldPath) -> Iterator[tuple[FieldPath, object]]:
    """The object itself, or the items of a List, as ``kubectl get -o yaml`` prints it."""
    if isinstance(raw, Mapping) and str(raw.get("kind", "")).endswith("List") and isinstance(raw.get("items"), list):
        for index, item in enumerate(raw["items"]):
            yield (*place, "items", index), item
    else:
        yield place, raw


def _title(raw: object) -> tuple[str | None, str | None]:
    """Kind and name of an object, as far as it says."""
    if not isinstance(raw, Mapping):
        return None, None
    kind, metadata = raw.get("kind"), raw.get("metadata")
    parts: Iterable[object] = ()
    if isinstance(metadata, Mapping):
        parts = (metadata.get("namespace"), metadata.get("name"))
    name = "/".join(shown(part)[1:-1] for part in parts if isinstance(part, str) and part)
    return shown(kind)[1:-1] if isinstance(kind, str) else None, name or None


def _other(raw: object) -> Iterator[Other]:
    """An object of somebody else, if it has a name."""
    metadata = raw.get("metadata") if isinstance(raw, Mapping) else None
    if not isinstance(raw, Mapping) or not isinstance(metadata, Mapping):
        return
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if isinstance(name, str) and name:
        place = namespace if isinstance(namespace, str) and namespace else None
        yield Other(kind=str(raw["kind"]), name=name, namespace=place, content=raw)


def _kind_of(raw: object, guesses: Iterator[int]) -> tuple[type[_Object] | None, list[Fault]]:
    """The class of an object of ours; (None, no faults) for those of others."""
    if not isinstance(raw, Mapping):
        return None, [((), raw, "must be a mapping with apiVersion, kind, metadata and spec")]
    faults: list[Fault] = []
    for name in ("apiVersion", "kind"):
        value = raw.get(name, ABSENT)
        if not isinstance(value, str) or not value:
            faults.append(
                ((name,), value, "must be a text" if value is not ABSENT else "is missing, but must be given")
            )
    if faults:
        return None, faults
    api_version, kind = str(raw["apiVersion"]), str(raw["kind"])
    if api_version.partition("/")[0] != _GROUP:
        return None, _almost_ours(api_version, kind, guesses)
    if api_version != API_VERSION:
        faults.append((("apiVersion",), api_version, f"must be {API_VERSION}"))
    if kind not in _KINDS:
        faults.append((("kind",), kind, f"must be one of {', '.join(_KINDS)}"))
    return (None, faults) if faults else (_KINDS[kind], [])


def _almost_ours(api_version: str, kind: str, guesses: Iterator[int]) -> list[Fault]:
    """A slip in the group would make the whole document pass as somebody else's."""
    if kind not in _KINDS or next(guesses, None) is None:
        return []
    if get_close_matches(api_version[:80], [API_VERSION], n=1, cutoff=0.8):
        return [(("apiVersion",), api_version, f"is nobody's; did you mean {API_VERSION}?")]
    return []


def _build(raw: object, wanted: type[_Object], guesses: Iterator[int]) -> tuple[_Object | None, list[Fault]]:
    try:
        built = structure(raw, wanted)
    except (BaseValidationError, WrongValueError) as error:
        return None, _first(faults_of(error, guesses))
    return built, _first(relations(built))


def _first(faults: Iterator[Fault]) -> list[Fault]:
    """As many as people want to read."""
    found = list(islice(faults, MOST_FAULTS))
    if next(faults, None) is not None:
        found.append(((), ABSENT, f"has more mistakes: these are the first {MOST_FAULTS}"))
    return found
