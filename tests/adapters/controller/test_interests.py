"""Who wants which target, and who is woken: the same as by going through all of them, without doing so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.controller.interests import Claims, Interests, Key
from canary_adapters.kubernetes.resources import SERVICES
from laboratories.steps import steps_of


def _canary(name: str, target: str, made: int) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "here", "creationTimestamp": f"{made:04}", "uid": name}
    return {"metadata": metadata, "spec": {"targetRef": {"kind": "Deployment", "name": target}}}


def _oldest(live: dict[str, tuple[str, int]], target: str | None) -> Key | None:
    """Of those that want a target, by the rule itself: of the same age, the first by name."""
    found = [(made, name) for name, (wanted, made) in live.items() if wanted == target]
    return ("here", min(found)[1]) if found else None


names = st.sampled_from("abcd")
changes = st.lists(st.tuples(names, st.sampled_from(["x", "y", None]), st.integers(1, 4)), max_size=25)


@given(changes)
def test_the_oldest_has_the_target_and_the_next_is_named_when_one_leaves(changes: Any) -> None:
    claims, live = Claims(), dict[str, tuple[str, int]]()
    for name, target, made in changes:
        key, was = ("here", name), live.get(name, (None, 0))
        before = was[0]
        live.pop(name, None)
        told = claims.forget(key) if target is None else claims.set(_canary(name, target, made), valid=True)
        next_ = _oldest(live, before) if before is not None and before != target else None
        if target is not None:
            live[name] = (target, made)
        if before == target and target is not None and _oldest(live, target) != key and (target, made) != was:
            next_ = _oldest(live, target)
        assert told == next_
        for each, (wanted, _) in live.items():
            assert claims.holder(("here", each)) == _oldest(live, wanted)


def _crowd(count: int) -> None:
    claims = Claims()
    for number in range(count):
        claims.set(_canary(f"c{number:05}", "x", number), valid=True)
    for number in range(count):
        assert claims.holder(("here", f"c{number:05}")) == ("here", "c00000")
    for number in range(count):
        claims.forget(("here", f"c{number:05}"))


@pytest.mark.slow
def test_a_crowd_that_wants_one_target_costs_as_much_as_it_is_large() -> None:
    assert steps_of(lambda: _crowd(800)) <= 5 * steps_of(lambda: _crowd(200))


def test_whoever_depends_on_an_object_is_found_until_he_does_no_more() -> None:
    interests, obj = Interests(), {"metadata": {"namespace": "here", "name": "app"}}
    ref = (SERVICES, "here", "app")
    for name in "ab":
        interests.set(("here", name), {ref})
    found = interests.of(SERVICES, obj)
    interests.set(("here", "a"), ())
    interests.forget(("here", "b"))
    assert found == {("here", "a"), ("here", "b")}
    assert interests.of(SERVICES, obj) == frozenset()
