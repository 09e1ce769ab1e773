"""What is foretold of a rollout from its Canary is what comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.controller.interests import Key
from canary_adapters.kubernetes.resources import CANARIES, Obj
from canary_adapters.steering.outlook import Outlook, described, outlook
from canary_core import BlueGreen, Forecast, Outcome, Phase, Policy, Progressive, Stage, Traffic
from laboratories.virtual_cluster import VirtualController

INTERVAL_S = 60.0
METRIC: Obj = {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}
SLOW: Obj = {"interval": "1m", "threshold": 3, "stepWeight": 10, "maxWeight": 50, "metrics": [METRIC]}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)

PAUSE = {"canary-core/request": "pause/1"}


@pytest.fixture
def controller() -> Iterator[VirtualController]:
    with VirtualController() as found:
        yield found


def _stage(iterations: int = 0, **traffic: Any) -> Stage:
    return Stage(at_s=0.0, phase=Phase.PROGRESSING, traffic=Traffic(**traffic), iterations=iterations)


def _canary(controller: VirtualController, key: Key) -> Obj:
    found = controller.api.cached(CANARIES, *key)
    assert found is not None
    return found


def _at_20(controller: VirtualController) -> tuple[Key, Outlook]:
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)
    controller.image(key, "v2")
    _go_on(controller, key, "canaryWeight", 20)
    found = outlook(_canary(controller, key), controller.now_s)
    assert isinstance(found, Outlook)
    return key, found


def test_once_something_was_checked_it_is_told_how_that_goes_on(controller: VirtualController) -> None:
    key, found = _at_20(controller)
    assert found.as_now == found.at_best
    controller.edit(CANARIES, key, lambda obj: obj["status"].pop("record"))
    bare = outlook(_canary(controller, key), controller.now_s)
    assert isinstance(bare, Outlook)
    assert bare.as_now is None


def _go_on(controller: VirtualController, key: Key, field: str, value: object) -> None:
    for _ in range(400):
        controller.tick(key)
        if controller.status(key).get(field) == value:
            return
        controller.now_s += 1.0
    raise AssertionError(controller.status(key))


def _comes(controller: VirtualController, key: Key, told: Forecast) -> None:
    """Phase by phase, weight by weight, not much later than it was told: pods and routes take their ticks."""
    for stage in told.stages[1:]:
        _go_on(controller, key, "phase", stage.phase.value)
        if stage.phase is Phase.PROGRESSING:
            _go_on(controller, key, "canaryWeight", stage.traffic.canary_weight)
        assert stage.at_s - 1.0 <= controller.now_s <= stage.at_s + INTERVAL_S / 4


@pytest.mark.slow
def test_a_rollout_is_over_when_it_was_told_to_be_at_best(controller: VirtualController) -> None:
    key, told = _at_20(controller)
    assert told.at_best.outcome is Outcome.COMPLETED
    _comes(controller, key, told.at_best)


@pytest.mark.slow
def test_and_is_rolled_back_when_it_was_told_to_be_at_worst(controller: VirtualController) -> None:
    key, told = _at_20(controller)
    assert told.at_worst.outcome is Outcome.CHECKS
    controller.prometheus.success_rate = 10.0
    _comes(controller, key, told.at_worst)


def test_a_paused_rollout_is_over_nobody_knows_when(controller: VirtualController) -> None:
    key, _ = _at_20(controller)
    controller.edit(CANARIES, key, lambda obj: obj["metadata"].setdefault("annotations", {}).update(PAUSE))
    controller.tick(key)
    found = outlook(_canary(controller, key), controller.now_s)
    assert isinstance(found, Outlook)
    assert found.at_best.over_s is None


def test_the_first_primary_and_a_canary_that_goes_are_foretold_as_well(controller: VirtualController) -> None:
    controller.api.pods = lambda name, replicas: 0 if name.endswith("-primary") else replicas
    key = controller.deploy("here", analysis=SLOW)
    controller.tick(key)
    found = outlook(_canary(controller, key), controller.now_s)
    assert isinstance(found, Outlook)
    assert found.at_best.stages[-1].phase is Phase.INITIALIZED


def test_at_rest_there_is_nothing_to_tell(controller: VirtualController) -> None:
    key = controller.deploy("here", analysis=SLOW)
    assert outlook(_canary(controller, key), controller.now_s) == "no controller has written a record of it yet"
    controller.until("Initialized", key)
    assert outlook(_canary(controller, key), controller.now_s) == "no rollout is under way"


def test_of_an_invalid_spec_nothing_is_told(controller: VirtualController) -> None:
    key, _ = _at_20(controller)
    canary = _canary(controller, key)
    assert (
        outlook({**canary, "spec": {**canary["spec"], "analysis": {"interval": "soon"}}}, 0.0) == "its spec is invalid"
    )


@given(spec=ANY, status=ANY | st.fixed_dictionaries({"rollout": ANY}))
def test_whatever_stands_in_an_object_there_is_an_answer(spec: Any, status: Any) -> None:
    metadata = {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7", "generation": 3}
    assert isinstance(outlook({"metadata": metadata, "spec": spec, "status": status}, 1e9), str)


LADDER, THREE = Policy(strategy=Progressive(weights=(20, 50))), Policy(strategy=BlueGreen(iterations=3))


@pytest.mark.parametrize(
    ("stage", "policy", "text"),
    [
        (_stage(canary_weight=20), LADDER, "20 %"),
        (_stage(mirrored=True), LADDER, "copies of requests"),
        (_stage(2), THREE, "iteration 2 of 3, 0 %"),
        (_stage(4, canary_weight=100), THREE, "after the last iteration, 100 %"),
        (evolve(_stage(), phase=Phase.SUCCEEDED), LADDER, ""),
    ],
)
def test_a_stage_is_told_by_what_the_canary_has(stage: Stage, policy: Policy, text: str) -> None:
    assert described(stage, policy) == text
