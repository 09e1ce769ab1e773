"""However many names users think of, the series of a canary are bounded, and so is the length of their labels."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.kubernetes.resources import CANARIES, Obj
from canary_adapters.telemetry import Telemetry
from canary_adapters.telemetry.metrics import LONGEST_LABEL, MOST_CHECKS, label
from canary_core import (
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    NoData,
    Phase,
    Policy,
    Progressive,
    Rollout,
    Sample,
    Verdict,
)
from canary_core.messages import Names
from laboratories.virtual_cluster import VirtualController

NAMES = Names(canary="app", namespace="here", target="app")


def _policy(*checks: str, hooks: tuple[str, ...] = ()) -> Policy:
    bound = Bound(minimum=1.0, maximum=2.0)
    return Policy(
        strategy=Progressive(weights=(10,)),
        checks=tuple(Check(id=each, kind=CheckKind.VALUE, bound=bound) for each in checks),
        hooks=tuple(Hook(id=each, type=HookType.ROLLOUT) for each in hooks),
    )


def _played(telemetry: Telemetry, policy: Policy) -> None:
    """A tick in which everything was measured, and nothing passed."""
    for check in policy.checks:
        telemetry.measured(NAMES, check, Sample(value=1.0))
        telemetry.measured(NAMES, check, NoData())
        telemetry.not_passed(NAMES, check.id, Verdict.FAIL)
    for hook in policy.hooks_of(HookType.ROLLOUT):
        telemetry.not_passed(NAMES, hook.id, Verdict.ERROR)
    telemetry.declared(NAMES, policy)
    telemetry.state(NAMES, Rollout(phase=Phase.PROGRESSING))


def _series(telemetry: Telemetry) -> list[dict[str, str]]:
    return [sample.labels for family in telemetry.registry.collect() for sample in family.samples]


def _named(telemetry: Telemetry) -> set[str]:
    return {value for labels in _series(telemetry) for key in ("metric", "check") if (value := labels.get(key))}


def test_checks_that_are_renamed_again_and_again_leave_no_series_behind() -> None:
    telemetry = Telemetry(version="1", mesh_provider="istio")
    _played(telemetry, _policy("first", "stays", hooks=("gate",)))
    usual = len(_series(telemetry))
    for number in range(500):
        _played(telemetry, _policy(f"check-{number}", "stays", hooks=(f"gate-{number}",)))
        assert _named(telemetry) == {f"check-{number}", "stays", f"gate-{number}"}
    assert len(_series(telemetry)) == usual
    at = {"name": "app", "namespace": "here", "check": "stays", "verdict": "fail"}
    assert telemetry.registry.get_sample_value("canary_checks_not_passed_total", at) == 501


@pytest.mark.slow
def test_a_canary_has_no_more_series_than_this() -> None:
    telemetry = Telemetry(version="1", mesh_provider="istio")
    empty = len(_series(telemetry))
    checks = tuple(f"check-{number}" for number in range(10_000))
    for _ in range(2):
        _played(telemetry, _policy(*checks, hooks=tuple(f"gate-{number}" for number in range(10_000))))
        assert len(_named(telemetry)) == MOST_CHECKS
        per_check = Counter(value for labels in _series(telemetry) for value in labels.values() if value in checks)
        # Its value, two bounds, and for each of three verdicts a count and when that began.
        assert set(per_check.values()) == {9}
    assert len(_series(telemetry)) - empty < 50 + 9 * MOST_CHECKS
    telemetry.forget(NAMES)
    assert len(_series(telemetry)) == empty


@given(st.text(max_size=300), st.text(max_size=300))
def test_labels_are_bounded_and_tell_names_apart(one: str, other: str) -> None:
    for text in (one, other, one * 10):
        assert len(label(text)) <= LONGEST_LABEL
        assert "\n" not in label(text)
    if one != other and len(one) > LONGEST_LABEL:
        assert label(one) != label(other)


def test_a_canary_that_is_given_another_target_leaves_no_series_behind() -> None:
    with VirtualController() as controller:
        key = controller.deploy("here")
        telemetry = controller.assembly.telemetry
        controller.until("Initialized", key)
        sizes = set[int]()
        for number in range(20):
            target = f"target-{number}"

            def renamed(canary: Obj, target: str = target) -> None:
                canary["spec"]["targetRef"]["name"] = target
                canary["metadata"]["generation"] += 1

            controller.edit(CANARIES, key, renamed)
            controller.changed(key)
            controller.tick(key)
            assert {labels["name"] for labels in _series(telemetry) if "name" in labels} == {target}
            sizes.add(len(_series(telemetry)))
        assert len(sizes) == 1
