"""Whatever of our fields a definition drops: the status is read as it was meant, or for what Flagger made of it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.kubernetes.crds import definitions
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.store import Definition
from canary_adapters.kubernetes.store.conditions import Target
from canary_adapters.kubernetes.store.memory import KEY, as_meant, as_sent
from canary_adapters.kubernetes.store.status import read_status, written_status
from canary_core import Policy, Rollout
from canary_lab.cluster import schema
from canary_sims.harness.strategies import policies, rollouts
from stories.flagger_definition import flaggers_definition

TARGET = Target(kind="Deployment", full="deployment app.here")
_VERSION = flaggers_definition()["spec"]["versions"][0]
FLAGGERS: Any = _VERSION["schema"]["openAPIV3Schema"]["properties"]["status"]


def _before() -> Any:
    """The definition of a release before, whose conditions have no generation."""
    found = copy.deepcopy(definitions()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"])
    del found["properties"]["conditions"]["items"]["properties"]["observedGeneration"]
    return found


BEFORE: Any = _before()


def _status(policy: Policy, rollout: Rollout, generation: int = 3) -> Obj:
    return written_status(policy, rollout, {}, target=TARGET, now_s=1.7e9, generation=generation)


def _stored(status: Obj, definition: Any) -> Obj:
    """What a server keeps of a status."""
    found: Obj = json.loads(json.dumps(as_sent(status, Definition())))
    if definition is not None:
        schema.prune(definition, found)
    return found


@pytest.mark.slow
@given(policies(), rollouts(), st.sampled_from([None, BEFORE, FLAGGERS]))
def test_a_status_is_read_as_it_was_meant(policy: Policy, rollout: Rollout, definition: Any) -> None:
    status = _status(policy, rollout)
    stored = _stored(status, definition)
    assert as_meant(stored) == status
    assert read_status(policy, as_meant(stored)) == rollout
    # Once more, through the other one.
    for other in (FLAGGERS, BEFORE, None):
        assert as_meant(_stored(as_meant(stored), other)) == status


def test_flaggers_definition_drops_what_is_ours() -> None:
    stored = _stored(_any(), FLAGGERS)
    assert not {"rollout", "observedGeneration"} & set(stored)
    assert set(stored["trackedConfigs"]) == {KEY}


def _any() -> Obj:
    return {"phase": "Failed", "rollout": {"version": 2, "phase": "Failed"}, "observedGeneration": 3}


@pytest.mark.parametrize("field", ["phase", "lastAppliedSpec", "lastPromotedSpec"])
def test_what_flagger_has_written_since_counts(field: str) -> None:
    """A field write of Flagger's leaves the text, which is of another time."""
    stored = {**_stored(_any(), FLAGGERS), field: "Succeeded"}
    assert "rollout" not in as_meant(stored)
    assert as_meant({**stored, "trackedConfigs": {"configmap/a": "1"}})["trackedConfigs"] == {"configmap/a": "1"}


def test_what_flagger_tracks_stays_beside_it() -> None:
    status = {**_any(), "trackedConfigs": {"configmap/a": "1"}}
    assert set(as_sent(status, Definition())["trackedConfigs"]) == {"configmap/a", KEY}
    assert as_meant(as_sent(status, Definition())) == status


@given(st.text(max_size=60) | st.sampled_from(["[", "{}", "3", "null", "[" * 100_000, '{"said":[null,null,null]}']))
def test_any_text_is_read_or_passed_over(text: str) -> None:
    status = {"phase": "Failed", "trackedConfigs": {KEY: text}}
    assert as_meant(status) == {"phase": "Failed"}


@pytest.mark.parametrize("tracked", [None, [], "x", {}, {KEY: None}, {KEY: 3}])
def test_anything_else_is_passed_over(tracked: Any) -> None:
    assert "rollout" not in as_meant({"trackedConfigs": tracked})


def test_what_happened_is_written_twice_only_where_it_would_be_dropped() -> None:
    status, definition = {**_any(), "record": {"past": [{"revision": "v1:1"}]}}, Definition()
    definition.note({"status": {"rollout": {}}})
    assert "past" not in as_sent(status, definition)["trackedConfigs"][KEY]
    definition.note({"status": {}})
    stored: Obj = json.loads(json.dumps(as_sent(status, definition)))
    schema.prune(FLAGGERS, stored)
    assert "record" not in stored
    assert as_meant(stored) == status


def test_it_is_told_once_for_each_canary() -> None:
    """Servers that are told of a definition one after the other answer in turns for a while."""
    definition = Definition()
    assert not definition.is_news("here", "app")
    definition.note({"status": {"phase": "Failed"}})
    assert [definition.is_news("here", name) for name in ("app", "app", "other")] == [True, False, True]
    definition.note({"status": {"rollout": {}}})
    assert not definition.is_news("here", "app")
    definition.note({"status": {}})
    assert not definition.is_news("here", "app")
    definition.forget("here", "app")
    assert definition.is_news("here", "app")
