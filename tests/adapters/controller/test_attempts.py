"""What was refused is refused from memory, and only that."""

from __future__ import annotations

import pytest

from canary_adapters.controller.attempts import Attempts
from canary_core import ScaleCanary, ScalePrimary
from canary_ports import ConflictError, RefusedError

DOWN, UP = ScaleCanary(replicas=0), ScaleCanary(replicas=2)


def _refuse() -> None:
    raise RefusedError("Forbidden", "not on a Friday")


def test_what_is_refused_is_remembered_and_what_is_known_is_not_tried() -> None:
    first = Attempts({})
    with pytest.raises(RefusedError):
        first(DOWN, _refuse)
    assert (list(first.refused), first.tried) == ([DOWN], True)
    done: list[str] = []
    second = Attempts(first.refused)
    with pytest.raises(RefusedError, match="not on a Friday") as refused:
        second(ScaleCanary(replicas=0), lambda: done.append("down"))
    assert refused.value.reason == "Forbidden"
    second(UP, lambda: done.append("up"))
    second(ScalePrimary(replicas=0), lambda: done.append("primary"))
    assert done == ["up", "primary"]
    assert (list(second.refused), second.tried) == ([DOWN], False)


def test_other_failures_are_not_remembered() -> None:
    def conflict() -> None:
        raise ConflictError("somebody was faster")

    attempts = Attempts({})
    with pytest.raises(ConflictError):
        attempts(DOWN, conflict)
    assert (attempts.refused, attempts.tried) == ({}, False)
