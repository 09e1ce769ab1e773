"""Whose a target is: the same for all who ask, and no mistake takes it from anybody."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from campaigns.stories import APP, PLACE, canary, deployment, password, service, settings
from canary_adapters.controller.interests import Claim, Claims, Reason, holder, reason
from laboratories.quiet_control import QuietControl
from laboratories.quiet_server import Obj, QuietServer

SECONDS = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z")
claims = st.lists(
    st.builds(
        Claim,
        key=st.tuples(st.just("here"), st.sampled_from("abcdef")),
        uid=st.sampled_from("123456"),
        created=st.sampled_from(SECONDS),
        valid=st.booleans(),
    ),
    unique_by=(lambda claim: claim.key, lambda claim: claim.uid),
    max_size=6,
)
owners = st.none() | st.sampled_from("123456x")


@given(claims=claims, owner=owners, seed=st.integers())
def test_it_depends_on_nothing_but_the_claims(claims: list[Claim], owner: str | None, seed: int) -> None:
    shuffled = random.Random(seed).sample(claims, len(claims))
    held = holder(claims, owner)
    assert held == holder(shuffled, owner)
    assert held in claims if claims else held is None


@given(claims=claims, owner=owners)
def test_who_owns_the_primary_has_the_target_and_else_the_oldest_that_is_valid(
    claims: list[Claim], owner: str | None
) -> None:
    held = holder(claims, owner)
    if owner in {claim.uid for claim in claims}:
        assert held is not None
        assert held.uid == owner
        return
    valid = [claim for claim in claims if claim.valid]
    if valid:
        assert held in valid
        assert all((held.created, held.key) <= (claim.created, claim.key) for claim in valid if held is not None)


invalid = st.builds(
    Claim,
    key=st.just(("here", "z")),
    uid=st.just("z"),
    created=st.sampled_from(SECONDS),
    valid=st.just(False),
)


@given(claims=claims, owner=owners, more=invalid)
def test_a_mistake_takes_nothing_from_anybody(claims: list[Claim], owner: str | None, more: Claim) -> None:
    held = holder(claims, owner)
    if held is not None and (held.valid or held.uid == owner):
        assert holder([*claims, more], owner) == held


def test_the_loser_learns_why() -> None:
    older = Claim(key=("here", "b"), uid="b", created=SECONDS[0], valid=True)
    younger = Claim(key=("here", "a"), uid="a", created=SECONDS[1], valid=True)
    twin = Claim(key=("here", "c"), uid="c", created=SECONDS[0], valid=True)
    assert reason(older, younger, None) is Reason.OLDER
    assert reason(older, twin, "x") is Reason.NAME
    assert reason(younger, older, "a") is Reason.OWNER


def _raw(name: str, *, target: str = "app", created: str = SECONDS[0], **metadata: Any) -> Obj:
    own = {"name": name, "namespace": "here", "uid": name, "creationTimestamp": created, **metadata}
    return {"metadata": own, "spec": {"targetRef": {"kind": "Deployment", "name": target}}}


def test_those_whose_claim_may_have_become_better_are_told() -> None:
    found = Claims()
    assert found.set(_raw("a"), valid=True) == frozenset()
    assert found.set(_raw("b"), valid=True) == frozenset()
    assert found.set(_raw("a"), valid=True) == frozenset(), "nothing has changed"
    assert found.set(_raw("a"), valid=False) == {("here", "b")}
    assert [claim.valid for claim in found.rivals(("here", "b"))] == [False, True]
    assert found.set(_raw("a", target="other"), valid=True) == {("here", "b")}
    assert [claim.key for claim in found.rivals(("here", "b"))] == [("here", "b")]
    assert found.forget(("here", "b")) == frozenset()
    assert found.rivals(("here", "b")) == ()


def test_who_is_on_its_way_out_takes_nothing() -> None:
    found = Claims()
    found.set(_raw("a", deletionTimestamp=SECONDS[1]), valid=True)
    found.set(_raw("b"), valid=True)
    held = holder(found.rivals(("here", "b")), None)
    assert held is not None
    assert held.key == ("here", "b")


# -- With a controller --------------------------------------------------------------------------------------------------


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
    (condition,) = status.get("conditions") or [{}]
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
