"""What tools that wait make of a Canary, by the statuses that the controller writes: kstatus, and Argo CD.

Fleet, Flux (`wait`) and Helm 4 (`--wait`) read an object by the rules of kstatus; Argo CD has a script for each kind.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Final

import pytest

from canary_adapters.kubernetes.crds import definitions
from canary_adapters.kubernetes.resources import CANARIES, Obj
from canary_core import Phase
from canary_lab.cluster.schema import prune
from delivery.argo_scripts import act, health, offered
from delivery.kstatus import Status, kstatus
from delivery.situations import ANALYSIS, CLOSED, OPEN, SITUATIONS, Play, Seen, at_20, new, playing, succeeded
from stories.flagger_definition import flaggers_definition

SETTLED: Final = ("Initialized", "Succeeded")
IN_PROGRESS, FAILED, CURRENT = Status.IN_PROGRESS, Status.FAILED, Status.CURRENT


@pytest.fixture
def play() -> Iterator[Play]:
    """As an installation is without flags."""
    yield from playing()


@pytest.fixture
def eager() -> Iterator[Play]:
    """As for pipelines that do not wait for rollouts."""
    yield from playing(ready_while_progressing=True)


def _seen(obj: Obj) -> Seen:
    (ready,) = (each for each in obj["status"]["conditions"] if each["type"] == "Ready")
    return kstatus(obj).status, health(obj).status, ready["reason"]


def _under(definition: Obj, obj: Obj) -> Obj:
    """A Canary as a server with this definition has it."""
    (version,) = definition["spec"]["versions"]
    found = copy.deepcopy(obj)
    prune(version["schema"]["openAPIV3Schema"]["properties"]["status"], found["status"])
    return found


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_situation_is_seen_for_what_it_is(play: Play, name: str) -> None:
    reach, wanted = SITUATIONS[name]
    reach(play)
    assert _seen(_under(definitions()[0], play.now)) == wanted


@pytest.mark.parametrize("name", [name for name in SITUATIONS if name != "changed at rest"])
def test_flaggers_definition_takes_nothing_of_that(play: Play, name: str) -> None:
    """It drops the generations, so only a change that nobody has looked at yet is not seen."""
    reach, wanted = SITUATIONS[name]
    reach(play)
    found = _under(flaggers_definition(), play.now)
    assert not any("observedGeneration" in each for each in (found["status"], *found["status"]["conditions"]))
    assert _seen(found) == wanted


# -- Every write ----------------------------------------------------------------------------------------------------


def _lives(play: Play) -> list[Obj]:
    """The Canary after each write of a life with every phase."""
    succeeded(play)
    play.controller.prometheus.success_rate = 50.0
    play.controller.image(play.key, "v3")
    play.until_phase("Failed")
    play.declare(
        analysis={
            **ANALYSIS,
            "webhooks": [
                {"name": kind, "type": kind, "url": f"{play.gate.url}/"}
                for kind in ("confirm-rollout", "confirm-promotion")
            ],
        },
        revertOnDeletion=True,
    )
    play.controller.prometheus.success_rate = 100.0
    play.controller.image(play.key, "v4")
    play.until_phase("Waiting")
    play.gate.behaviour = OPEN
    play.until_phase("Progressing")
    play.gate.behaviour = CLOSED
    play.until_phase("WaitingPromotion")
    play.controller.api.delete(CANARIES, play.now)
    for _ in range(20):
        play.controller.tick(play.key)
        play.controller.now_s += 65.0
    assert play.controller.api.cached(CANARIES, *play.key) is None
    return play.controller.api.told


ALLOWED: Final = {
    **{phase.value: {IN_PROGRESS} for phase in Phase},
    **{phase: {IN_PROGRESS, CURRENT} for phase in SETTLED},
    "Failed": {FAILED},
    "Terminating": {Status.TERMINATING},
    "Terminated": {Status.TERMINATING},
}


def test_every_write_of_every_phase_is_seen_for_what_it_is(play: Play) -> None:
    written = _lives(play)
    assert {each["status"]["phase"] for each in written} == {phase.value for phase in Phase}
    for each in written:
        phase = each["status"]["phase"]
        assert kstatus(each).status in ALLOWED[phase], each
        assert health(each).message
        kinds = [condition["type"] for condition in each["status"]["conditions"]]
        assert kinds[:2] == ["Promoted", "Ready"]
        assert len(kinds) == len(set(kinds)) <= 3


def test_a_condition_has_all_that_kubernetes_asks_for(play: Play) -> None:
    written = _lives(play)
    for before, after in itertools.pairwise(written):
        old = {each["type"]: each for each in before["status"]["conditions"]}
        for each in after["status"]["conditions"]:
            then = old.get(each["type"], {})
            if then.get("status") == each["status"]:
                assert each["lastTransitionTime"] == then["lastTransitionTime"]
            assert each["reason"].isalnum()
            assert each["message"]
            has_generation = each.get("observedGeneration") == after["status"]["observedGeneration"]
            assert has_generation == (each["type"] != "Promoted")


def test_messages_have_the_numbers(play: Play) -> None:
    def messages() -> set[str]:
        return {each["message"] for each in play.now["status"]["conditions"][1:]}

    at_20(play)
    started = "New revision detected, progressing canary analysis."
    assert messages() == {f"{started} Canary weight 20%, failed checks 0 of 2."}
    play.declare(suspend="perhaps")
    play.controller.tick(play.key)
    assert all(each.endswith(". Canary weight 20%, failed checks 0 of 2.") for each in messages())
    play.declare(suspend=False)
    play.controller.prometheus.success_rate = 50.0
    play.until(lambda status: bool(status["failedChecks"]))
    assert messages() == {f"{started} Canary weight 20%, failed checks 1 of 2."}
    play.until_phase("Failed")
    failed = "Canary analysis failed, Deployment scaled to zero."
    assert messages() == {f"{failed} Too many checks did not pass (threshold 2)."}


# -- What it costs --------------------------------------------------------------------------------------------------


def test_no_write_is_made_for_conditions_alone(play: Play) -> None:
    """Between two writes, something else differs as well."""
    written = _lives(play)
    for before, after in itertools.pairwise(written):
        bare = [{k: v for k, v in each["status"].items() if k != "conditions"} for each in (before, after)]
        assert bare[0] != bare[1]


def test_an_idle_canary_costs_nothing(play: Play) -> None:
    succeeded(play)
    play.rest()
    before = dict(play.controller.api.calls)
    play.rest()
    assert dict(play.controller.api.calls) == before


def test_the_status_grows_by_a_few_hundred_bytes(play: Play) -> None:
    written = _lives(play)
    sizes = [len(repr(each["status"]["conditions"][1:])) for each in written]
    assert max(sizes) < 1000


# -- Without waiting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SITUATIONS)
def test_who_does_not_wait_for_rollouts_still_learns_of_failures(eager: Play, name: str) -> None:
    reach, (patient, *_) = SITUATIONS[name]
    reach(eager)
    waits = name in {"no target", "changed at rest"}
    assert kstatus(eager.now).status is (CURRENT if patient is IN_PROGRESS and not waits else patient)


# -- Before any controller has seen it ------------------------------------------------------------------------------


def test_a_canary_that_nobody_has_seen_yet_is_no_success() -> None:
    """The definition gives it a status by which tools wait for the controller."""
    (version,) = definitions()[0]["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"]
    obj = {"metadata": {"generation": 1}, "status": status}
    assert kstatus(obj).status is IN_PROGRESS
    assert health(obj).status == "Progressing"


# -- Actions of Argo CD ---------------------------------------------------------------------------------------------

OFFERED: Final = {
    "initialized": {"pause"},
    "gate before": {"pause", "abort", "promote"},
    "progressing": {"pause", "abort", "promote"},
    "paused": {"resume", "abort", "promote"},
    "failed": {"pause", "retry"},
}


@pytest.mark.parametrize("name", OFFERED)
def test_argo_offers_what_is_accepted(play: Play, name: str) -> None:
    SITUATIONS[name][0](play)
    assert offered(play.now) == OFFERED[name]


def test_an_action_changes_the_request_and_nothing_else(play: Play) -> None:
    new(play)
    wanted = act("pause", play.now)
    request = wanted["metadata"]["annotations"].pop("canary-core/request")
    assert request.startswith("pause/20")
    before = play.now
    before["metadata"].setdefault("annotations", {})
    assert wanted == before


@pytest.mark.parametrize(
    ("name", "verb", "reason"),
    [
        ("progressing", "pause", "Paused"),
        ("progressing", "abort", "Failed"),
        ("paused", "resume", "Progressing"),
        ("failed", "retry", "Progressing"),
        ("gate before", "promote", "Progressing"),
    ],
)
def test_what_people_choose_in_argo_is_done(play: Play, name: str, verb: str, reason: str) -> None:
    SITUATIONS[name][0](play)
    play.controller.prometheus.success_rate = 100.0
    assert verb in offered(play.now)
    play.ask(verb)
    play.until(lambda status: bool(status["conditions"][1]["reason"] == reason))
