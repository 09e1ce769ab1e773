"""Scenario files: strict, with all mistakes of a file at once.

The classes here have the shape of the file; `canary_sims.scenario.types` has the shape that a simulation wants.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cattrs
from attrs import field, fields, frozen
from cattrs.gen import make_dict_structure_fn, override

from canary_adapters.manifests.documents import LARGEST, Document, YAMLFault, documents
from canary_adapters.manifests.mistakes import Mistake, shown
from canary_adapters.manifests.structure import Path as Place
from canary_adapters.manifests.structure import render
from canary_core import Verb
from canary_sims.scenario import quantities as q
from canary_sims.scenario import types as t
from canary_sims.scenario.autoscaler import AutoscalerShape
from canary_sims.scenario.errors import ScenarioError
from canary_sims.scenario.faults import CallName, FaultShape, Number, call_name, number, plan_of

__all__ = ["parse_scenario", "read_scenario"]

MAX_EVENTS: Final = 1000


# -- The shape of the file ------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class _Behaviour:
    error_rate: q.Share | None = None
    latency: q.Millis | None = None
    ready_after: q.ReadyAfter | None = None

    def behaviour(self) -> t.Behaviour:
        return t.Behaviour(error_rate=self.error_rate, latency_ms=self.latency, ready_after_s=self.ready_after)


@frozen(kw_only=True)
class _App(_Behaviour):
    revision: q.Text | None = None


@frozen(kw_only=True)
class _Declare(_Behaviour):
    revision: q.Text

    def happening(self) -> t.Happening:
        return t.Declare(revision=self.revision, behaviour=self.behaviour())


@frozen(kw_only=True)
class _Canary(_Behaviour):
    crash: bool | None = None

    def happening(self) -> t.Happening:
        return t.ChangeCanary(behaviour=self.behaviour(), crash=self.crash)


@frozen(kw_only=True)
class _Creep:
    by: q.Millis
    every: q.Seconds
    up_to: q.Millis | None = None

    def __attrs_post_init__(self) -> None:
        if self.every < 1:
            raise q.NotAllowedError(f"every: {self.every:g}s", "at least 1s")

    def happening(self) -> t.Happening:
        return t.CreepLatency(by_ms=self.by, every_s=self.every, up_to_ms=self.up_to)


@frozen(kw_only=True)
class _Primary:
    ready_after: q.ReadyAfter | None = None
    crash: bool | None = None
    scale: q.Replicas | None = None

    def happening(self) -> t.Happening:
        return t.ChangePrimary(ready_after_s=self.ready_after, crash=self.crash, replicas=self.scale)


@frozen(kw_only=True)
class _Hook:
    name: q.Text
    answer: t.Answer

    def happening(self) -> t.Happening:
        return t.AnswerHook(name=self.name, answer=self.answer)


@frozen(kw_only=True)
class _Routes:
    canary_weight: q.Weight

    def happening(self) -> t.Happening:
        return t.EditRoutes(canary_weight=self.canary_weight)


@frozen(kw_only=True)
class _Event:
    at: q.Seconds
    declare: _Declare | None = None
    canary: _Canary | None = None
    latency_creep: _Creep | None = None
    primary: _Primary | None = None
    metrics: t.Metrics | None = None
    hook: _Hook | None = None
    routes: _Routes | None = None
    request: Verb | None = None
    suspend: bool | None = None
    requests_per_second: q.Rate | None = None
    scale: q.Replicas | None = None
    delete: bool | None = None

    def __attrs_post_init__(self) -> None:
        """One thing each, so that the order of two at the same time is that of the file."""
        if len(self._said()) != 1:
            given = " and ".join(_camel(name) for name in self._said()) or "nothing"
            raise q.NotAllowedError(given, "exactly one of " + ", ".join(map(_camel, _HAPPENINGS)))
        if self.delete is False:
            raise q.NotAllowedError("delete: false", "delete: true, or left out")

    def _said(self) -> list[str]:
        return [name for name in _HAPPENINGS if getattr(self, name) is not None]

    def event(self) -> t.Event:
        return t.Event(at_s=self.at, what=self._happening())

    def _happening(self) -> t.Happening:
        if self.metrics is not None:
            return t.SetMetrics(state=self.metrics)
        if self.request is not None:
            return t.MakeRequest(verb=self.request)
        if self.suspend is not None:
            return t.Suspend(on=self.suspend)
        if self.requests_per_second is not None:
            return t.SetRate(rate=self.requests_per_second)
        if self.scale is not None:
            return t.Scale(replicas=self.scale)
        if self.delete is not None:
            return t.Delete()
        nested: t.Happening = getattr(self, self._said()[0]).happening()
        return nested


_HAPPENINGS: Final = tuple(each.name for each in fields(_Event) if each.name != "at")


@frozen(kw_only=True)
class _Scenario:
    description: q.Text | None = None
    initialized: bool | None = None
    replicas: q.Count | None = None
    autoscaler: AutoscalerShape | None = None
    requests_per_second: q.Rate | None = None
    tests_per_second: q.Rate | None = None
    matched_share: q.Share | None = None
    app: _App = field(factory=_App)
    events: list[_Event] = field(factory=list)
    faults: list[FaultShape] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        """How many pods there are is said by one of two."""
        if self.autoscaler is not None and self.replicas is not None:
            raise q.NotAllowedError(f"replicas: {self.replicas}", "left out with an autoscaler, which says how many")

    def scenario(self, source: str) -> t.Scenario:
        """What is not said is as `Scenario` has it."""
        said = {
            "description": None if self.description is None else " ".join(self.description.split()),
            "initialized": self.initialized,
            "replicas": self.replicas,
            "autoscaler": None if self.autoscaler is None else self.autoscaler.autoscaler(),
            "rate": self.requests_per_second,
            "test_rate": self.tests_per_second,
            "matched_share": self.matched_share,
            "revision": self.app.revision,
            "behaviour": _completed(self.app.behaviour()),
            "events": tuple(event.event() for event in self.events),
            "faults": plan_of(self.faults),
        }
        given: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        return t.Scenario(source=source, **given)


def _completed(said: t.Behaviour) -> t.Behaviour:
    usual = t.Scenario().behaviour
    return t.Behaviour(
        error_rate=usual.error_rate if said.error_rate is None else said.error_rate,
        latency_ms=usual.latency_ms if said.latency_ms is None else said.latency_ms,
        ready_after_s=usual.ready_after_s if said.ready_after_s is None else said.ready_after_s,
    )


# -- Reading --------------------------------------------------------------------------------------------------------


def read_scenario(path: Path) -> t.Scenario:
    """The scenario in a file.

    Raises:
        ScenarioError: It cannot be read, or has mistakes.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refusal(str(path), "is not text in UTF-8") from None
    except (OSError, ValueError) as error:
        raise _refusal(str(path), f"cannot be read: {getattr(error, 'strerror', None) or 'not a path'}") from None
    if len(raw) > LARGEST:
        raise _refusal(str(path), f"is larger than {LARGEST // 1024} KiB, must be smaller")
    return parse_scenario(text, source=str(path))


def parse_scenario(text: str, *, source: str = "scenario") -> t.Scenario:
    """The scenario in a text.

    Args:
        text: YAML, one document.
        source: What to call it in messages.

    Raises:
        ScenarioError: It has mistakes.
    """
    document = _document(text, source)
    if document.faults:
        raise ScenarioError(
            Mistake(file=source, line=line, path=render(at), allowed=s) for at, line, s in document.faults
        )
    try:
        return _converter().structure(document.content, _Scenario).scenario(source)
    except (cattrs.BaseValidationError, q.NotAllowedError) as error:
        mistakes = sorted(_mistakes(error, (), document, source), key=lambda mistake: mistake.line or 0)
        raise ScenarioError(mistakes) from error


def _document(text: str, source: str) -> Document:
    """The one document of a text.

    Raises:
        ScenarioError: There is none, or more than one, or it is no YAML.
    """
    try:
        found = list(documents(text))
    except YAMLFault as fault:
        raise _refusal(source, fault.said, fault.line) from None
    if len(found) != 1:
        raise _refusal(source, f"must hold one document, not {len(found)}")
    return found[0]


def _refusal(source: str, said: str, line: int | None = None) -> ScenarioError:
    return ScenarioError([Mistake(file=source, line=line, allowed=said)])


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _keys(kind: type) -> list[str]:
    return [_camel(each.name) for each in fields(kind)]


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True, forbid_extra_keys=True)
    scalars = (
        (q.Seconds, q.seconds),
        (q.Millis, q.millis),
        (q.Share, q.share),
        (q.ReadyAfter, q.ready_after),
        (q.Rate, q.rate),
        (q.Count, q.count),
        (q.Weight, q.weight),
        (q.Replicas, q.replicas),
        (Number, number),
        (CallName, call_name),
        (q.Text, q.text),
        (t.Metrics, q.choice),
        (t.Answer, q.choice),
        (Verb, q.choice),
    )
    for kind, hook in scalars:
        converter.register_structure_hook_func(functools.partial(_is, kind), hook)
    converter.register_structure_hook(bool, q.flag)
    lists: tuple[tuple[Any, type, str], ...] = (
        (list[_Event], _Event, "events, each beginning with '- at:'"),
        (list[FaultShape], FaultShape, "faults, each with a kind"),
    )
    for whole, element, said in lists:
        of_list = functools.partial(_listed, converter, element, said)
        converter.register_structure_hook_func(functools.partial(_is, whole), of_list)
    shapes = (_App, _Declare, _Canary, _Creep, _Primary, _Hook, _Routes, _Event, FaultShape, AutoscalerShape, _Scenario)
    for shape in shapes:
        converter.register_structure_hook(shape, _shaped(converter, shape))
    return converter


def _is(kind: Any, given: Any) -> bool:
    return given is kind or given == kind


def _shaped(converter: cattrs.Converter, shape: type) -> Any:
    """Structure a mapping whose keys are written in camel case; anything else is refused with words."""
    names: Any = {each.name: override(rename=_camel(each.name)) for each in fields(shape)}
    inner: Any = make_dict_structure_fn(shape, converter, **names)

    def structure(value: Any, kind: Any) -> Any:
        if not isinstance(value, dict):
            raise q.NotAllowedError(value, "a mapping with some of " + ", ".join(_keys(shape)))
        if not value and shape is not _Scenario:
            raise q.NotAllowedError(value, "a mapping with at least one of " + ", ".join(_keys(shape)))
        return inner(value, kind)

    return structure


def _listed(converter: cattrs.Converter, kind: type, said: str, value: Any, _: Any) -> list[Any]:
    if not isinstance(value, list):
        raise q.NotAllowedError(value, f"a list of {said}")
    name = said.split(",", maxsplit=1)[0]
    if len(value) > MAX_EVENTS:
        raise q.NotAllowedError(f"{len(value)} {name}", f"at most {MAX_EVENTS}")
    found: list[Any] = []
    errors = []
    for index, each in enumerate(value):
        try:
            found.append(converter.structure(each, kind))
        except Exception as error:  # noqa: BLE001 -- cattrs collects all of them likewise, to tell them together
            note = cattrs.IterableValidationNote(f"Structuring {name} {index}", index, kind)
            error.__notes__ = [*getattr(error, "__notes__", []), note]
            errors.append(error)
    if errors:
        raise cattrs.IterableValidationError(name, errors, list)
    return found


# -- Mistakes -------------------------------------------------------------------------------------------------------


def _mistakes(error: BaseException, at: Place, document: Document, source: str) -> Iterator[Mistake]:
    """All single mistakes in a tree of them, with their places."""
    if isinstance(error, cattrs.IterableValidationError):
        elements, others = error.group_exceptions()
        inner: list[tuple[BaseException, Place]] = [(element, (*at, int(note.index))) for element, note in elements]
    elif isinstance(error, cattrs.ClassValidationError):
        attributes, others = error.group_exceptions()
        inner = [(attribute, (*at, _camel(note.name))) for attribute, note in attributes]
    else:
        for place, given, allowed in _single(error, at):
            line = document.line_of(place)
            yield Mistake(file=source, line=line, path=render(place), value=given, allowed=allowed)
        return
    for each, place in (*inner, *((other, at) for other in others)):
        yield from _mistakes(each, place, document, source)


def _single(error: BaseException, at: Place) -> Iterator[tuple[Place, str | None, str]]:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        keys = _keys(error.cl)
        for key in sorted(map(str, error.extra_fields)):
            yield (*at, key), None, f"unknown field, known are {', '.join(keys)}{q.closest(key, keys)}"
    elif isinstance(error, KeyError):
        yield at, None, "is missing, but must be given"
    elif isinstance(error, q.NotAllowedError):
        yield at, shown(error.value), f"must be {error.allowed}"
    else:
        raise error
