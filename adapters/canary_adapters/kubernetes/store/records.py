"""A rollout as JSON and back, without loss: what ``status.rollout`` holds."""

import math
import re
from functools import cache
from typing import Any, Final, get_args

from attrs import fields, has
from cattrs import Converter
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.strategies import configure_tagged_union

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests.mistakes import shown
from canary_core import Notice, Rollout
from canary_ports import RefusedError

__all__ = ["read_rollout", "written_rollout"]

VERSION: Final = 1
"""Of the format. A newer one was written by a newer release, and is not guessed at."""


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
    if version != VERSION:
        raise RefusedError(
            "StatusNotUnderstood",
            f"status.rollout is of version {shown(version)}, this controller writes {VERSION}: upgrade it, or remove "
            "status.rollout to have the rollout taken over from the other fields of the status",
        )
    try:
        return _converter().structure({k: v for k, v in record.items() if k != "version"}, Rollout)
    except (BaseValidationError, ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            "StatusNotUnderstood",
            "status.rollout is damaged: remove it to have the rollout taken over from the other fields of the status",
        ) from error


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
        each.name: override(rename=_wire(f"of_{each.name}" if notice and each.name == _TAG else each.name))
        for each in fields(kind)
        if each.init
    }


def _wire(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
