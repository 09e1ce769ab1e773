"""A live Service that people made: what of it stays (all), what is added, and how it is given back."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from canary_adapters.kubernetes.naming import UNWATCHED_BY_TOOLKIT
from canary_adapters.kubernetes.originals import (
    NOTE,
    annotations_of,
    applied_spec,
    noted,
    read_note,
    restored,
)
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.selector import SUFFIX, carried_labels
from canary_adapters.kubernetes.services.ports import (
    Key,
    declared_port,
    key_of,
    leads_nowhere,
    means_the_same,
    port_of,
    words,
)
from canary_adapters.manifests import Canary
from canary_ports import RefusedError

__all__ = [
    "Note",
    "applied_selector",
    "contradiction",
    "given_back",
    "peoples_ports",
    "peoples_selector",
    "same_ports",
    "taken_over",
]

_FIELDS: Final[Mapping[str, tuple[type[Any], ...]]] = {"name": (str,), "targetPort": (int, str), "appProtocol": (str,)}
"""What may have to be changed of a port of somebody else."""


@frozen(kw_only=True)
class Note:
    """What we have changed of a Service of somebody else, and how that was."""

    selector: dict[str, str] | None
    """As people had it last. None: nobody knows."""
    written: dict[str, str]
    """The selector that we have written last; another one is people's."""
    added: frozenset[str]
    """The ports that are ours, as ``number/protocol``."""
    ports: dict[str, dict[str, Any]]
    """The fields, as they were, of ports of people that we have changed; absent: they had none."""
    annotations: object
    """The values before us of those that we set."""

    @classmethod
    def of(cls, service: Obj) -> "Note | None":
        """That of a Service. None: it has none."""
        found = read_note(service)
        if found is None:
            return None
        ports, selector, added = (found.get(part) for part in ("ports", "selector", "added"))
        return cls(
            selector=_texts(selector) if isinstance(selector, dict) else None,
            written=_texts(found.get("written")),
            added=frozenset(each for each in added if isinstance(each, str))
            if isinstance(added, list)
            else frozenset(),
            ports={key: _fields(was) for key, was in ports.items()} if isinstance(ports, dict) else {},
            annotations=found.get("annotations"),
        )

    def text(self) -> str:
        """As the annotation has it."""
        return noted(
            {
                "selector": self.selector,
                "written": self.written,
                "added": sorted(self.added),
                "ports": self.ports,
                "annotations": self.annotations,
            }
        )


def _texts(given: object) -> dict[str, str]:
    return {k: v for k, v in given.items() if isinstance(v, str)} if isinstance(given, dict) else {}


def _fields(port: object) -> dict[str, Any]:
    """What may be noted of a port, and nothing that somebody else has written there."""
    given = port if isinstance(port, dict) else {}
    return {field: given[field] for field, kinds in _FIELDS.items() if isinstance(given.get(field), kinds)}


def _text_of(key: Key) -> str:
    return f"{key[0]}/{key[1]}"


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def _is_meant(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a selector is of pods with these labels, or, as GitOps may declare it, of the primary made from them."""
    return all(value in (labels.get(key), f"{labels.get(key)}{SUFFIX}") for key, value in selector.items())


def peoples_ports(service: Obj) -> list[Obj]:
    """The ports of a Service of somebody else without what is ours, and as they were before us."""
    note = Note.of(service)
    ports: list[Obj] = service["spec"].get("ports") or []
    if note is None:
        return [dict(port) for port in ports]
    return [_as_before(port, note) for port in ports if _text_of(key_of(port)) not in note.added]


def _as_before(port: Obj, note: Note) -> Obj:
    was = note.ports.get(_text_of(key_of(port)))
    return dict(port) if was is None else {**{k: v for k, v in port.items() if k not in _FIELDS}, **was}


def same_ports(one: Sequence[Obj], other: Sequence[Obj]) -> bool:
    """Whether two lists have the same ports, in whatever order."""
    return sorted(one, key=key_of) == sorted(other, key=key_of)


def peoples_selector(live: Obj, target: Obj | None) -> dict[str, str] | None:
    """Whom a Service of somebody else is to select if it was for people: what they have written last that leads there.

    Args:
        live: As it is.
        target: The target, whose pods people's selector leads to. None: it is gone.

    Returns:
        None: Nobody knows.
    """
    had: dict[str, str] = live["spec"].get("selector") or {}
    note = Note.of(live) or _first_note(had, annotations_of(live), target)
    return had if _leads(had, target) and had != note.written else note.selector


def applied_selector(service: Obj) -> dict[str, str]:
    """Whom it selected as it was applied with kubectl last. Empty: nobody knows."""
    return _texts((applied_spec(service) or {}).get("selector"))


# -- Taking over ----------------------------------------------------------------------------------------------------


def taken_over(live: Obj, selector: dict[str, str], ports: list[Obj], *, target: Obj | None) -> Obj:
    """A Service of somebody else with another selector and other ports; ``live`` itself if it is so already.

    All else of it stays, and what is changed is noted in it.

    Args:
        live: As it is.
        selector: Whom it sends to.
        ports: All that it offers.
        target: The target, by which people's selectors are known from drift.
    """
    spec = live["spec"]
    had, ports_had = spec.get("selector") or {}, spec.get("ports") or []
    if had == selector and same_ports(ports, ports_had):
        return live
    peoples = peoples_ports(live)
    if same_ports(ports, ports_had):
        ports = ports_had
    annotations = annotations_of(live)
    note = Note.of(live) or _first_note(had, annotations, target)
    new_note = evolve(
        note,
        selector=peoples_selector(live, target),
        written=selector,
        added=frozenset(_text_of(key_of(port)) for port in ports if port_of(peoples, key_of(port)) is None),
        ports=dict(_changed(peoples, ports)),
    )
    annotations |= {**UNWATCHED_BY_TOOLKIT, NOTE: new_note.text()}
    return {
        **live,
        "metadata": {**live["metadata"], "annotations": annotations},
        "spec": {**spec, "selector": selector, "ports": ports},
    }


def _first_note(had: dict[str, str], annotations: Mapping[str, str], target: Obj | None) -> Note:
    """What there is to note before our first change; of a Service that was changed without a note before, nothing."""
    unknown = UNWATCHED_BY_TOOLKIT.items() <= annotations.items() and not _leads(had, target)
    before: dict[str, str | None] = {key: None if unknown else annotations.get(key) for key in UNWATCHED_BY_TOOLKIT}
    return Note(selector=None if unknown else had, written={}, added=frozenset(), ports={}, annotations=before)


def _leads(selector: Mapping[str, str], target: Obj | None) -> bool:
    """Whether it leads to the target: then people want it so; what leads elsewhere is drift."""
    return target is not None and _selects(selector, carried_labels(target))


def _changed(peoples: Sequence[Obj], ports: Sequence[Obj]) -> "list[tuple[str, dict[str, Any]]]":
    found = []
    for was in peoples:
        now = port_of(ports, key_of(was)) or {}
        if _fields(was) != _fields(now):
            found.append((_text_of(key_of(was)), _fields(was)))
    return found


# -- Giving back ----------------------------------------------------------------------------------------------------


def given_back(live: Obj, selector: Mapping[str, str] | None) -> Obj:
    """A Service of somebody else as it was before us, with what others have made of it since.

    Args:
        live: As it is.
        selector: Whom it is to send to. None: whom it does.
    """
    note = Note.of(live)
    spec, annotations = dict(live["spec"]), annotations_of(live)
    if selector is not None:
        spec["selector"] = dict(selector)
    if note is None:
        annotations = {key: value for key, value in annotations.items() if key not in UNWATCHED_BY_TOOLKIT}
    else:
        annotations = restored(annotations, note.annotations)
        spec["ports"] = _ports_before(live, note)
    annotations.pop(NOTE, None)
    metadata = {key: value for key, value in live["metadata"].items() if key != "annotations"}
    if annotations:
        metadata["annotations"] = annotations
    return {**live, "metadata": metadata, "spec": spec}


def _ports_before(live: Obj, note: Note) -> list[Obj]:
    ports: list[Obj] = live["spec"].get("ports") or []
    found = [_as_before(port, note) for port in ports if _text_of(key_of(port)) not in note.added]
    if len(found) > 1:  # others have added some since: then each needs a name
        for port in found:
            name = (port_of(ports, key_of(port)) or {}).get("name")
            if not port.get("name") and name:
                port["name"] = name
    return found


# -- What cannot be ------------------------------------------------------------------------------------------------


def contradiction(canary: Canary, live: Obj, workloads: Sequence[Obj]) -> RefusedError | None:
    """What a live Service and a Canary say that cannot both be.

    Args:
        canary: What is declared.
        live: A Service of the apex' name that somebody else made.
        workloads: Target and primary, as far as they exist, in this order.

    Returns:
        With what to change. None: the Service can be taken over, and all that it offers stays.
    """
    found = _elsewhere(live, workloads)
    return found if found is not None else _clash(canary, live, workloads)


def _where(live: Obj) -> str:
    return f"service {live['metadata']['name']}.{live['metadata']['namespace']}"


def _elsewhere(live: Obj, workloads: Sequence[Obj]) -> RefusedError | None:
    """It is the Service of somebody else."""
    spec, advice = live["spec"], "name the Service of the target in spec.service.name, or change this one first"
    if spec.get("type") == "ExternalName":
        return RefusedError(
            "ServiceElsewhere",
            f"{_where(live)} is another name of {spec.get('externalName')}, and has no pods; {advice}",
        )
    if not spec.get("selector"):
        return RefusedError(
            "ServiceElsewhere", f"{_where(live)} has no selector: its endpoints are kept by somebody else; {advice}"
        )
    selector = peoples_selector(live, workloads[0] if workloads else None) or spec["selector"]
    if workloads and not any(_is_meant(selector, carried_labels(each)) for each in workloads):
        labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
        return RefusedError(
            "ServiceElsewhere",
            f"{_where(live)} selects {labels}, and the pods of deployment {workloads[0]['metadata']['name']} do not "
            f"carry these labels; {advice}",
        )
    return None


def _clash(canary: Canary, live: Obj, workloads: Sequence[Obj]) -> RefusedError | None:
    """The declared port has the number or the name of one that leads to another program."""
    declared, ports = declared_port(canary.spec.service), peoples_ports(live)
    mine = port_of(ports, key_of(declared))
    if mine is not None:
        return _other_meaning(declared, mine, live, workloads)
    for port in ports:
        if port.get("name") == declared["name"] and not _agree(port, declared, workloads):
            return RefusedError(
                "ServicePortMismatch",
                f"spec.service.portName {declared['name']}: {_where(live)} has this name for {words(port)}, and not "
                f"for {words(declared)}; declare another portName",
            )
    return None


def _other_meaning(declared: Obj, mine: Obj, live: Obj, workloads: Sequence[Obj]) -> RefusedError | None:
    if not _agree(mine, declared, workloads):
        target = declared["targetPort"]
        return RefusedError(
            "ServicePortMismatch",
            f"spec.service.targetPort {target}: {_where(live)} has {words(mine)} at present, and not to {target}; "
            f"declare targetPort: {mine['targetPort']}, or change the Service first",
        )
    wanted, has = declared.get("appProtocol"), mine.get("appProtocol")
    if wanted and has and wanted.lower() != has.lower():
        return RefusedError(
            "ServicePortMismatch",
            f"spec.service.appProtocol {wanted}: {_where(live)} says {has} for {words(mine)}; declare the same, or "
            "change the Service first",
        )
    return None


def _agree(one: Obj, other: Obj, workloads: Sequence[Obj]) -> bool:
    """Whether two ports lead to the same program, or one of them to nobody who could miss it."""
    return all(means_the_same(one, other, each) or leads_nowhere(one, each) for each in workloads)
