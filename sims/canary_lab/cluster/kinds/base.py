# ruff: noqa: ARG002
# Hooks take what some kind needs.
"""The strategy of a kind that has nothing special about it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Protocol

from canary_lab.cluster.errors import Cause, invalid

Obj = dict[str, Any]


class Allocator(Protocol):
    """Gives out the addresses of Services."""

    def allocate(self, wanted: str, name: str) -> str:
        """A free address, or the one that is wanted.

        Raises:
            ApiError: 422, that one is taken or out of range.
        """

    def allocate_port(self, own: Container[int | None]) -> int:
        """A port of the nodes that no Service has, and that is not among those of the Service itself."""

    def port_objection(self, wanted: int) -> str:
        """Why a Service cannot have a port of the nodes. Empty: it can."""


class Strategy:
    """How objects of a kind are completed, checked and changed. Objects given to it may be changed in place."""

    counts_generation = False
    """Whether metadata.generation is kept."""
    unconditional_update = True
    """Whether a PUT may do without resourceVersion."""
    create_on_update = False
    """Whether a PUT of what is not there creates it."""
    status_takes_annotations = False
    """Whether a write to the status subresource changes annotations too."""
    checks_finalizers = True
    """Whether finalizers must be standard ones, or qualified with a domain."""
    answers_deleted_object = False
    """Whether DELETE answers with the object rather than with a Status."""

    def default(self, obj: Obj) -> None:
        """Fills in the defaults."""

    def prepare_create(self, obj: Obj) -> None:
        """Sets what the server owns in a new object."""

    def prepare_update(self, new: Obj, old: Obj) -> None:
        """Takes over from the old object what a change keeps."""

    def finish_create(self, obj: Obj) -> None:
        """Sets what only a valid object gets, such as an address."""

    def finish_update(self, new: Obj, old: Obj) -> None:
        """The same for a change."""

    def check(self, obj: Obj) -> list[Cause]:
        """What is wrong with an object."""
        return []

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        """What of a change is not allowed."""
        return []

    def check_status(self, new: Obj, old: Obj) -> list[Cause]:
        """What is wrong with a new status."""
        return []

    def warnings(self, obj: Obj) -> list[str]:
        """What a client should know about an object that is written."""
        return []

    def generation_rises(self, new: Obj, old: Obj) -> bool:
        """Whether a change counts as a new generation."""
        return bool(new.get("spec") != old.get("spec"))


def immutable(new: Obj, old: Obj, *path: str) -> list[Cause]:
    """A mistake if a field was changed."""
    a: Any = new
    b: Any = old
    for part in path:
        a, b = (a or {}).get(part), (b or {}).get(part)
    if a == b:
        return []
    return [invalid(".".join(path), a, "field is immutable")]
