"""Whose a target is: the same for all who ask, and no mistake takes it from anybody."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from campaigns.stories import APP, PLACE, canary, deployment, password, service, settings
from canary_adapters.controller.interests import Claims, Why
from laboratories.quiet_control import QuietControl
from laboratories.quiet_server import Obj, QuietServer

SECONDS = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z")


@frozen
class One:
    """A canary; its UID is its name in capitals."""

    name: str
    created: str
    valid: bool

    @property
    def rank(self) -> tuple[str, str]:
        return self.created, self.name


ones = st.lists(
    st.builds(One, st.sampled_from("abcdef"), st.sampled_from(SECONDS), st.booleans()),
    unique_by=lambda one: one.name,
    min_size=1,
    max_size=6,
)
owners = st.none() | st.sampled_from("ABCDEFX")


def _raw(name: str, *, target: str = "app", created: str = SECONDS[0], **metadata: Any) -> Obj:
    own = {"name": name, "namespace": "here", "uid": name.upper(), "creationTimestamp": created, **metadata}
    return {"metadata": own, "spec": {"targetRef": {"kind": "Deployment", "name": target}}}


def _claims(canaries: list[One]) -> Claims:
    found = Claims()
    for one in canaries:
        found.set(_raw(one.name, created=one.created), valid=one.valid)
    return found


def _holder(canaries: list[One], owner: str | None) -> str:
    """The one that all of them name."""
    claims = _claims(canaries)
    (held,) = {claims.holder(("here", one.name), owner) for one in canaries}
    return held[1]


@given(canaries=ones, owner=owners, data=st.data())
def test_it_depends_on_nothing_but_the_claims(canaries: list[One], owner: str | None, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(canaries))
    assert _holder(canaries, owner) == _holder(shuffled, owner)


@given(canaries=ones, owner=owners)
def test_who_owns_the_primary_has_the_target_and_else_the_oldest_that_is_valid(
    canaries: list[One], owner: str | None
) -> None:
    held = _holder(canaries, owner)
    names, valid = {one.name for one in canaries}, [one for one in canaries if one.valid]
    if owner is not None and owner.lower() in names:
        assert held == owner.lower()
    else:
        assert held == min(valid or canaries, key=lambda one: one.rank).name


@given(canaries=ones, owner=owners, created=st.sampled_from(SECONDS))
def test_a_mistake_takes_nothing_from_anybody(canaries: list[One], owner: str | None, created: str) -> None:
    held = _holder(canaries, owner)
    if any(one.valid for one in canaries) or (owner is not None and held == owner.lower()):
        assert _holder([*canaries, One("0", created, valid=False)], owner) == held


def test_who_makes_a_mistake_keeps_what_he_has() -> None:
    """What was valid last goes on, and so does its claim, whatever else the spec names meanwhile."""
    found = Claims()
    found.set(_raw("a"), valid=True)
    found.set(_raw("a", target="other"), valid=False)
    assert found.target(("here", "a")) == ("Deployment", "here", "app")
    found.set(_raw("a", target="other"), valid=True)
    assert found.target(("here", "a")) == ("Deployment", "here", "other")


def test_the_loser_learns_why() -> None:
    found = _claims([One("b", SECONDS[0], True), One("a", SECONDS[1], True), One("c", SECONDS[0], True)])
    assert found.why(("here", "a")) is Why.OLDER
    assert found.why(("here", "c"), "X") is Why.NAME
    assert found.why(("here", "b"), "A") is Why.OWNER
    assert found.why(("here", "b")) is None
    found.set(_raw("b"), valid=False)
    assert found.why(("here", "b")) is Why.VALID


def test_those_whose_claim_may_have_become_better_are_told() -> None:
    found, other = Claims(), ("here", "b")
    assert found.set(_raw("a"), valid=True) is None
    assert found.set(_raw("b"), valid=True) is None
    assert found.set(_raw("a"), valid=True) is None, "nothing has changed"
    assert found.set(_raw("a"), valid=False) == other
    assert found.set(_raw("a"), valid=True) is None
    assert found.set(_raw("a", target="other"), valid=True) == other
    assert found.forget(other) is None
    assert found.target(other) is None


def test_who_is_on_its_way_out_takes_nothing() -> None:
    found = Claims()
    found.set(_raw("a", deletionTimestamp=SECONDS[1]), valid=True)
    found.set(_raw("b"), valid=True)
    assert found.holder(("here", "b")) == ("here", "b")


# -- With a controller ------------------------------------------------------------------------------------------------


def _server(*canaries: Obj) -> QuietServer:
    server = QuietServer()
    server.namespace(PLACE)
    for obj in (settings(), password(), deployment(), service(), *canaries):
        server.apply(obj)
    server.settle()
    server.now_s += 10.0
    server.settle()
    return server


def _of(name: str, **spec: Any) -> Obj:
    found = canary(name, **spec)
    found["spec"]["targetRef"]["name"] = APP
    return found


def _status(server: QuietServer, name: str) -> tuple[str, str, str]:
    status = (server.get("flagger.app/canaries", PLACE, name) or {}).get("status") or {}
    condition = (status.get("conditions") or [{}])[0]
    return str(status.get("phase")), str(condition.get("reason")), str(condition.get("message"))


def test_an_invalid_one_of_the_same_second_does_not_keep_a_good_one_from_its_target() -> None:
    """Whatever comes first in the alphabet, or in the cache."""
    for wrong in ("a-wrong", "z-wrong"):
        with QuietControl(_server(_of(wrong, analysis={"interval": "soon"}), _of(APP))) as control:
            control.run(120.0)
            assert _status(control.server, APP)[0] == "Initialized"
            assert _status(control.server, wrong)[1] == "InvalidSpec"


def test_of_two_good_ones_one_has_it_and_the_other_one_learns_who_and_why() -> None:
    with QuietControl(_server(_of("one"), _of("two"))) as control:
        control.run(120.0)
        phases = {name: _status(control.server, name) for name in ("one", "two")}
        (winner,) = (name for name, (phase, _, _) in phases.items() if phase == "Initialized")
        loser = "two" if winner == "one" else "one"
        assert phases[loser][1] == "TargetInUse"
        assert f"is the target of canary {winner}.{PLACE} already, which owns its primary" in phases[loser][2]
        control.server.delete(("flagger.app", "v1beta1", "canaries"), PLACE, winner)
        control.run(120.0)
        assert _status(control.server, loser)[0] == "Initialized"


def test_who_owns_the_primary_keeps_its_target_although_its_spec_has_become_invalid() -> None:
    with QuietControl(_server(_of(APP))) as control:
        control.run(120.0)
        control.server.apply(_of("a-rival"))
        control.server.edit(
            ("flagger.app", "v1beta1", "canaries"), PLACE, APP, lambda obj: obj["spec"]["analysis"].update(interval="x")
        )
        control.run(120.0)
        assert _status(control.server, "a-rival")[1] == "TargetInUse"
        assert _status(control.server, APP)[1] == "InvalidSpec"
