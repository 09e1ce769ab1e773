"""From plain mappings to typed objects, by cattrs. Every fault of an object is found, not only the first.

Up to a hundred of them, that is: nobody reads more, and each costs more than what is right.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sized
from contextvars import ContextVar
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Any, Final, TypeAlias, TypeVar, Union, get_args, get_origin

from attrs import NOTHING, Attribute, fields, has
from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from canary_adapters.controls import Controls
from canary_adapters.manifests.declare import Rule, Table, rule_of, wire_name
from canary_adapters.manifests.values import WrongValueError, boolean, check_controls, decimal, integer, obeys, text

__all__ = ["ABSENT", "MOST_FAULTS", "Fault", "Path", "faults_of", "render", "structure"]

Path: TypeAlias = tuple[str | int, ...]
Fault: TypeAlias = tuple[Path, object, str]
"""Where (path), what (`ABSENT` if nothing was given), and what is allowed."""
ABSENT: Final = object()
_T = TypeVar("_T")
_Hook: TypeAlias = Callable[[Any, Any], Any]
_UNNAMED: Final = Rule(doc="")
_SCALARS: Final[Mapping[Any, tuple[Callable[[object, Rule], Any], str]]] = {
    str: (text, "a text"),
    bool: (boolean, "true or false"),
    int: (integer, "a whole number"),
    float: (decimal, "a finite number"),
}
MOST_FAULTS: Final = 100
"""Of one object."""
_LEFT: Final[ContextVar[int]] = ContextVar("_LEFT")
"""Faults of members that are still looked for in the object that is being read; one more than are told."""
_RENAMED: Final[Mapping[str, str]] = {"canaryAnalysis": "analysis"}


class _RelationError(Exception):
    """Fields of one object that do not go together."""

    def __init__(self, path: Path, value: object, allowed: str) -> None:
        self.fault: Fault = (path, value, allowed)
        super().__init__(allowed)


def structure(raw: object, wanted: type[_T]) -> _T:
    """Build a typed object.

    Args:
        raw: Mappings, lists and scalars, as YAML or JSON gives them.
        wanted: One of the classes that are declared with `prop` and `required`.

    Raises:
        WrongValueError: ``raw`` is no mapping at all.
        BaseValidationError: Something in it is wrong; `faults_of` lists what.
    """
    token = _LEFT.set(MOST_FAULTS + 1)
    try:
        return _converter().structure(raw, wanted)
    finally:
        _LEFT.reset(token)


def render(path: Path) -> str:
    """A path as it is written: ``spec.analysis.metrics[0].name``, ``metadata.labels["app.kubernetes.io/name"]``."""
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        elif step.replace("_", "").replace("-", "").isalnum():
            written += f".{step[:80]}" if written else step[:80]
        else:
            written += f"[{json.dumps(step[:80])}]"
    return written


def faults_of(error: BaseException, guesses: Iterator[int], path: Path = ()) -> Iterator[Fault]:
    """All faults in an error that `structure` raised.

    Args:
        error: As raised.
        guesses: Has one more for each time that it may be guessed what was meant.
        path: To the object.
    """
    if isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            yield from faults_of(inner, guesses, path + _step(inner, error.cl))
    elif isinstance(error, WrongValueError):
        yield path, error.value, error.allowed
    elif isinstance(error, _RelationError):
        where, value, allowed = error.fault
        yield path + where, value, allowed
    elif isinstance(error, ForbiddenExtraKeysError):
        for name in sorted(error.extra_fields):
            yield (*path, name), ABSENT, _unknown(name, error.cl, guess=next(guesses, None) is not None)
    elif isinstance(error, KeyError):
        yield path, ABSENT, "is missing, but must be given"
    else:
        raise error


def _step(error: BaseException, owner: type) -> Path:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return (wire_name(getattr(fields(owner), note.name)),)
        if isinstance(note, IterableValidationNote):
            return (note.index,)
    return ()


def _unknown(name: str, owner: type, *, guess: bool) -> str:
    known = [wire_name(attribute) for attribute in _declared(owner)]
    said = "unknown field, which the API server would drop without a word"
    lowered = {other.lower(): other for other in known}
    close = get_close_matches(name.lower()[:80], lowered, n=1, cutoff=0.6) if guess else []
    meant = _RENAMED.get(name) or (lowered[close[0]] if close else None)
    if meant is not None:
        return f"{said}; did you mean {meant}?"
    return f"{said}; known are {', '.join(known)}" if guess else said


def _declared(owner: type) -> "list[Attribute[Any]]":
    return [attribute for attribute in fields(owner) if attribute.metadata]


@cache
def _converter() -> Converter:
    converter = Converter(detailed_validation=True, forbid_extra_keys=True)
    converter.register_structure_hook_factory(has, lambda cls: _object_hook(cls, converter))
    return converter


def _object_hook(cls: type, converter: Converter) -> _Hook:
    """The hook for a class: cattrs' own, told the names, rules and types of the fields."""
    declared = _declared(cls)
    by_field: dict[str, Any] = {
        attribute.name: override(
            rename=wire_name(attribute), struct_hook=_hook_for(attribute.type, rule_of(attribute), converter)
        )
        for attribute in declared
    }
    by_field |= {a.name: override(omit=True) for a in fields(cls) if not a.metadata}
    inner: _Hook = make_dict_structure_fn(cls, converter, **by_field)
    known = {wire_name(attribute) for attribute in declared}
    needed = {wire_name(attribute) for attribute in declared if attribute.default is NOTHING}
    unread: frozenset[str] = getattr(cls, "UNREAD", frozenset())

    def build(raw: object, _: Any) -> Any:
        if not isinstance(raw, Mapping):
            raise WrongValueError(raw, f"must be a mapping{_listing(needed)}")
        # The API server takes null for absent; an unknown null field is still unknown.
        given = {
            str(key): value for key, value in raw.items() if key not in unread and not (value is None and key in known)
        }
        found = list(_relations(cls, given))
        try:
            built = inner(given, cls)
        except BaseValidationError as error:
            raise error.derive([*error.exceptions, *found]) from None
        if found:
            raise BaseValidationError("relations", found, cls)
        return built

    return build


def _listing(needed: set[str]) -> str:
    return f" with {', '.join(sorted(needed))}" if needed else ""


def _relations(cls: type, given: Mapping[str, object]) -> Iterator[_RelationError]:
    """What ``ONE_OF`` and ``AT_MOST_ONE_OF`` of a class say about the fields that are given."""
    for name, least in (("ONE_OF", 1), ("AT_MOST_ONE_OF", 0)):
        choices: tuple[str, ...] = getattr(cls, name, ())
        present = [choice for choice in choices if choice in given]
        if choices and not least <= len(present) <= 1:
            amount = "exactly one" if least else "at most one"
            count = f", not {' and '.join(present)} together" if present else ", but none is"
            yield _RelationError((), ABSENT, f"{amount} of {', '.join(choices)} must be given{count}")


def _hook_for(kind: Any, rule: Rule, converter: Converter) -> _Hook:
    """The hook for one field, or for the members of one."""
    if get_origin(kind) in {Union, UnionType}:
        members = [member for member in get_args(kind) if member is not type(None)]
        return _hook_for(members[0], rule, converter) if len(members) == 1 else _number_or_text(rule)
    if kind in _SCALARS:
        return _scalar(kind, rule)
    if get_origin(kind) is tuple:
        return _list(_hook_for(get_args(kind)[0], rule.each or _UNNAMED, converter), rule.most)
    if get_origin(kind) is Table:
        return _table(_hook_for(get_args(kind)[0], rule.each or _UNNAMED, converter), rule.most)
    return lambda value, _: converter.structure(value, kind)


def _scalar(kind: Any, rule: Rule) -> _Hook:
    read, base = _SCALARS[kind]

    def check(raw: object, _: Any) -> Any:
        value = read(raw, rule)
        obeys(value, rule, base)
        return value

    return check


def _number_or_text(rule: Rule) -> _Hook:
    def check(raw: object, _: Any) -> Any:
        if isinstance(raw, bool) or not isinstance(raw, str | int | float):
            raise WrongValueError(raw, "must be a number or a name")
        value = raw if isinstance(raw, str) else integer(raw, rule)
        obeys(value, rule, "a whole number")
        return value

    return check


def _members(pairs: Iterator[tuple[Any, object]], inner: _Hook, kind: type) -> list[tuple[Any, Any]]:
    built, errors = [], []
    for place, raw in pairs:
        try:
            built.append((place, inner(raw, None)))
        except (WrongValueError, BaseValidationError) as error:
            error.add_note(IterableValidationNote("member", place, kind))
            errors.append(error)
            _LEFT.set(_LEFT.get() - 1)
            if _LEFT.get() <= 0:
                break
    if errors:
        raise IterableValidationError("members", errors, kind)
    return built


def _check_size(raw: Sized, most: int) -> None:
    if len(raw) > most:
        raise WrongValueError(ABSENT, f"must have at most {most} entries, not {len(raw)}")


def _list(inner: _Hook, most: int) -> _Hook:
    def build(raw: object, _: Any) -> Any:
        if not isinstance(raw, list | tuple):
            raise WrongValueError(raw, "must be a list")
        _check_size(raw, most)
        return tuple(value for _, value in _members(iter(enumerate(raw)), inner, tuple))

    return build


def _table(inner: _Hook, most: int) -> _Hook:
    def member(pair: tuple[str, object], _: Any) -> Any:
        key, value = pair
        check_controls(key, Controls.NONE)
        return inner(value, None)

    def build(raw: object, _: Any) -> Any:
        if not isinstance(raw, Mapping):
            raise WrongValueError(raw, "must be a mapping")
        _check_size(raw, most)
        pairs = ((str(key), (str(key), value)) for key, value in raw.items())
        return Table(dict(_members(pairs, member, Table)))

    return build
