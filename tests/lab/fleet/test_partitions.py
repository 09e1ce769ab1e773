"""The stand-in for Fleet: who gets a version when, and what counts as ready."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from canary_lab.demo.waves import STRATEGY
from canary_lab.fleet import BundleState, Member, Partition, Strategy, judged, to_update
from canary_lab.fleet.partitions import limit

PILOT, REST = {"wave": "pilot"}, {"wave": "rest"}


def _members(count: int, pilots: int = 1) -> list[Member]:
    return [Member(name=f"c{number:03}", labels=PILOT if number < pilots else REST) for number in range(count)]


def _given(members: Sequence[Member], names: Sequence[str]) -> list[Member]:
    """They have the new version, and are not ready with it yet."""
    return [evolve(each, is_new=True, is_ready=False) if each.name in names else each for each in members]


def _ready(members: Sequence[Member]) -> list[Member]:
    return [evolve(each, is_ready=True) for each in members]


@pytest.mark.parametrize(
    ("count", "given_", "most"),
    [
        (4, (None,), 4), (4, (1,), 1), (4, (None, 2), 2), (4, ("25%",), 1), (4, ("10%",), 1), (230, ("25%",), 57),
        (4, (0,), 0), (4, ("0%",), 1), (0, (5,), 1),
    ],
)  # fmt: skip
def test_limits(count: int, given_: tuple[int | str | None, ...], most: int) -> None:
    assert limit(count, *given_) == most


def test_one_after_the_other_the_pilot_first() -> None:
    members, order = _members(4), list[str]()
    for _ in range(4):
        (name,) = to_update(STRATEGY, members)
        order.append(name)
        members = _given(members, [name])
        assert to_update(STRATEGY, members) == ()
        members = _ready(members)
    assert order == ["c000", "c001", "c002", "c003"]
    assert to_update(STRATEGY, members) == ()


def test_the_order_is_that_of_the_partitions_and_not_that_of_the_names() -> None:
    members = [Member(name="a", labels=REST), Member(name="b", labels=PILOT)]
    assert to_update(STRATEGY, members) == ("b",)


def test_without_a_strategy_all_get_it_at_once() -> None:
    assert to_update(Strategy(), _members(3)) == ("c000", "c001", "c002")


def test_a_pilot_alone_in_its_partition_holds_nobody_back() -> None:
    """For one that is unavailable is not more than one."""
    wide = evolve(STRATEGY, max_unavailable=3)
    assert to_update(wide, _members(4)) == ("c000", "c001", "c002")


def test_two_pilots_of_which_one_may_be_unavailable_hold_the_others_back() -> None:
    strategy = Strategy(
        max_unavailable=3,
        partitions=(Partition(name="pilot", max_unavailable=1, labels=PILOT), Partition(name="rest", labels=REST)),
    )
    members = _members(6, pilots=2)
    assert to_update(strategy, members) == ("c000",)
    members = _given(members, ["c000"])
    assert to_update(strategy, members) == ()
    members = _ready(members)
    assert to_update(strategy, members) == ("c001", "c002", "c003")


def test_a_fix_reaches_who_has_failed_and_nobody_else_before_it_is_well() -> None:
    members = [evolve(each, is_ready=each.name != "c000") for each in _members(3)]
    assert to_update(STRATEGY, members) == ("c000",)


def test_a_cluster_in_no_partition_gets_nothing() -> None:
    assert to_update(STRATEGY, [Member(name="a"), Member(name="b", labels=REST)]) == ("b",)


members_of = st.lists(
    st.builds(
        Member,
        name=st.uuids().map(str),
        labels=st.sampled_from([PILOT, REST]),
        is_new=st.booleans(),
        is_ready=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda each: each.name,
)


@given(members_of)
def test_never_more_than_one_at_a_time_that_was_ready_and_none_while_one_is_not(members: list[Member]) -> None:
    given_ = to_update(STRATEGY, members)
    was_ready = [each for each in members if each.name in given_ and each.is_ready]
    unavailable = [each for each in members if not each.is_ready]
    assert len(was_ready) <= 1
    assert not (was_ready and unavailable)
    assert not any(each.is_new for each in members if each.name in given_)


@given(members_of)
def test_as_long_as_the_pilots_are_not_all_well_no_other_one_is_touched(members: list[Member]) -> None:
    pilots = [each for each in members if each.labels == PILOT]
    if any(not each.is_new or not each.is_ready for each in pilots):
        rest = {each.name for each in members if each.labels == REST and each.is_ready}
        assert not rest & set(to_update(STRATEGY, members))


# -- Ready ----------------------------------------------------------------------------------------------------------


def _canary(*conditions: tuple[str, str], observed: int | None = 2, reason: str = "Any") -> dict[str, object]:
    told = [{"type": kind, "status": status, "reason": reason, "message": kind} for kind, status in conditions]
    seen = {"observedGeneration": observed} if observed is not None else {}
    return {"kind": "Canary", "metadata": {"generation": 2}, "status": {"conditions": told, **seen}}


READY = BundleState(is_ready=True)


def _error(message: str) -> BundleState:
    return BundleState(is_ready=False, is_error=True, message=message)


@pytest.mark.parametrize(
    ("obj", "state"),
    [
        (_canary(("Promoted", "Unknown")), READY),
        (_canary(("Promoted", "False")), READY),
        (_canary(("Ready", "False")), BundleState(is_ready=False, message="Ready")),
        (_canary(("Ready", "Unknown")), _error("Ready")),
        (_canary(("Ready", "True"), ("Reconciling", "True")), BundleState(is_ready=False, message="Reconciling")),
        (_canary(("Ready", "True"), ("Reconciling", "False")), READY),
        (_canary(("Ready", "True"), ("Stalled", "False"), ("Reconciling", "False")), READY),
        (_canary(("Ready", "False"), ("Stalled", "True")), _error("Stalled")),
        (_canary(("Failed", "True")), _error("Failed")),
        (_canary(("Any", "False"), reason="Error"), _error("Any")),
        (_canary(("Ready", "True"), observed=None), READY),
        (None, BundleState(is_ready=False, message="missing")),
        (
            _canary(("Ready", "True"), observed=1),
            BundleState(
                is_ready=False, message="Canary generation is 2, but latest observed generation is 1"
            ),
        ),
    ],
)  # fmt: skip
def test_what_conditions_make_of_a_bundle(obj: dict[str, object] | None, state: BundleState) -> None:
    assert judged(obj) == state
