"""Admission: whoever writes, others may change what is stored, or refuse it, as webhooks and policies do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from canary_lab.cluster.resources import Resource
from canary_lab.cluster.store import Obj, clone

__all__ = ["Admission", "admitted"]

Admission = Callable[[Resource, str, Obj, Obj | None], Obj]
"""From a resource, a subresource (or an empty text), the new object and the old one (None: it is created) what is to be
stored: the new object, changed or not. It raises an `ApiError` to refuse the write."""


def admitted(admissions: Iterable[Admission], resource: Resource, subresource: str, new: Obj, old: Obj | None) -> Obj:
    """What is to be stored once all have been asked, in turn.

    Raises:
        ApiError: One refuses.
    """
    for admission in admissions:
        new = admission(resource, subresource, clone(new), old)
    return new
