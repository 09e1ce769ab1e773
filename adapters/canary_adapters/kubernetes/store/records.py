"""A rollout as JSON and back, without loss: what ``status.rollout`` holds."""

import math
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, get_args

from attrs import fields, has
from cattrs import Converter
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.strategies import configure_tagged_union

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests.mistakes import shown
from canary_core import Notice, Rollout, Waiting
from canary_ports import RefusedError

__all__ = ["read_rollout", "read_time", "written_rollout", "written_time"]

VERSION: Final = 2
"""Of the format. A newer one was written by a newer release, and is not guessed at."""
_READ: Final = (1, VERSION)
"""Version 1 holds times as seconds since the epoch, later ones as people read them."""
_TIMES: Final = frozenset({(Rollout, "since_s"), (Rollout, "changed_s"), (Rollout, "kept_s"), (Waiting, "since_s")})
"""Points in time. All other numbers of seconds are durations."""
_FIRST: Final = {"sinceS": "since", "changedS": "changed", "keptS": "kept"}


_TAG: Final = "kind"
"""Says which notice it is."""


def written_rollout(rollout: Rollout) -> Obj:
    """A rollout as plain JSON; fields that have their default are left out."""
    found: Obj = _converter().unstructure(rollout, Rollout)
    return {"version": VERSION, **found}


def read_rollout(record: Obj) -> Rollout:
    """The rollout that was written.

    Raises:
        RefusedError: It was written by a newer release, or is damaged.
    """
    version = record.get("version")
    if version not in _READ:
        raise RefusedError(
            "StatusNotUnderstood",
            f"status.rollout is of version {shown(version)}, this controller writes {VERSION}: upgrade it, or remove "
            "status.rollout to have the rollout taken over from the other fields of the status",
        )
    try:
        fields_of = _from_first(record) if version == 1 else record
        return _converter().structure({k: v for k, v in fields_of.items() if k != "version"}, Rollout)
    except (BaseValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RefusedError(
            "StatusNotUnderstood",
            "status.rollout is damaged: remove it to have the rollout taken over from the other fields of the status",
        ) from error


def _from_first(record: Obj) -> Obj:
    """A record of version 1, in which times had other names, as one of today."""
    found = {_FIRST.get(key, key): value for key, value in record.items()}
    if found.get("waiting"):
        found["waiting"] = {_FIRST.get(key, key): value for key, value in found["waiting"].items()}
    return found


@cache
def _converter() -> Converter:
    converter = Converter(omit_if_default=True, forbid_extra_keys=False)
    converter.register_structure_hook_factory(has, lambda cls: _reader(cls, converter))
    converter.register_unstructure_hook_factory(has, lambda cls: _writer(cls, converter))
    # JSON has no infinity.
    converter.register_unstructure_hook(float, lambda value: value if math.isfinite(value) else str(value))
    converter.register_structure_hook(float, lambda value, _: float(value))
    # Not of what is derived from it, such as enumerations, which would come back as bare numbers.
    converter.register_structure_hook_func(lambda kind: kind is int, lambda value, _: int(value))
    for notice in get_args(Notice):
        converter.register_structure_hook(notice, _reader(notice, converter))
        converter.register_unstructure_hook(notice, _writer(notice, converter))
    configure_tagged_union(Notice, converter, tag_name=_TAG)
    return converter


def _reader(kind: type, converter: Converter) -> Any:
    return make_dict_structure_fn(kind, converter, **_names(kind))


def _writer(kind: type, converter: Converter) -> Any:
    return make_dict_unstructure_fn(kind, converter, _cattrs_omit_if_default=True, **_names(kind))


def _names(kind: type) -> Any:
    """Camel case on the wire; what a class computes by itself is not written."""
    notice = kind in get_args(Notice)
    return {
        each.name: _override(kind, each.name, _wire(f"of_{each.name}" if notice and each.name == _TAG else each.name))
        for each in fields(kind)
        if each.init
    }


def _override(kind: type, name: str, wire: str) -> Any:
    if (kind, name) in _TIMES:
        rename = _wire(name.removesuffix("_s"))
        return override(rename=rename, struct_hook=lambda value, _: read_time(value), unstruct_hook=written_time)
    return override(rename=wire)


def written_time(value: float) -> str | float:
    """RFC 3339 in microseconds. A clock that shows no date is written as it is."""
    try:
        moment = datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return value if math.isfinite(value) else str(value)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_time(value: object) -> float:
    """The time that was written, seconds since the epoch."""
    if not isinstance(value, str):
        return float(value)  # type: ignore[arg-type]  # what is no number raises what callers expect
    return datetime.fromisoformat(value).timestamp() if "T" in value else float(value)


def _wire(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
