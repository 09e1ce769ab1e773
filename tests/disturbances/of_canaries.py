"""Disturbances of Canaries: of what they declare, of their status, and by others for the same target."""

from __future__ import annotations

from typing import Any, Final

from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, Obj
from disturbances import application
from disturbances.application import INVALID, NAME, RIVAL, Setup
from disturbances.disturbance import Undo, disturbance
from disturbances.place import REQUEST, Place

_REVERTS: Final = Setup(reverts=True)
_TAKEN_OVER: Final = Setup(reverts=True, has_service=True)
FRESH: Final = "fresh"
GONE_S: Final = 30.0


def _analysis(place: Place, **changes: Any) -> Undo:
    """Change fields of the analysis; to be put back as they were declared."""
    declared = place.declared()["spec"]["analysis"]
    place.specify({"analysis": changes})
    return lambda: place.specify({"analysis": {field: declared.get(field) for field in changes}})


def _specified(place: Place, **changes: Any) -> Undo:
    declared = place.declared()["spec"]
    place.specify(changes)
    return lambda: place.specify({field: declared.get(field) for field in changes})


# -- What is declared -----------------------------------------------------------------------------------------------


@disturbance("spec: a step of weight 0")
def step_of_0(place: Place) -> Undo:
    return _analysis(place, **INVALID)


@disturbance("spec: an interval that is none")
def no_interval(place: Place) -> Undo:
    return _analysis(place, interval="soon")


@disturbance("spec: a step of weight 0, in a paused rollout")
def step_of_0_while_paused(place: Place) -> Undo:
    place.ask("pause/1")
    place.until(lambda: place.heard == "pause/1", 5.0)
    valid = _analysis(place, **INVALID)

    def undo() -> None:
        valid()
        place.ask("resume/1")

    return undo


@disturbance("spec: a step of weight 0, by the write that aborts")
def step_of_0_and_abort(place: Place) -> Undo:
    changes = {"metadata": {"annotations": {REQUEST: "abort/0"}}, "spec": {"analysis": INVALID}}
    place.hands.patch(CANARIES, place.canary, changes)
    return lambda: place.specify({"analysis": {"stepWeights": list(place.weights), "stepWeight": None}})


@disturbance("spec: an unknown provider")
def provider_unknown(place: Place) -> Undo:
    return _specified(place, provider="bogus")


@disturbance("spec: a target that does not exist")
def target_missing(place: Place) -> Undo:
    return _specified(place, targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"})


@disturbance("spec: another target, and with it another Service name")
def another_target(place: Place) -> None:
    place.hosts = (NAME, FRESH)
    _move_to_fresh(place)


@disturbance("spec: another target, with the same Service name")
def another_target_of_the_service(place: Place) -> None:
    _move_to_fresh(place, service={"name": NAME})


def _move_to_fresh(place: Place, **spec: Any) -> None:
    place.hands.make(DEPLOYMENTS, application.deployment(place.setup, name=FRESH, labels={"app": FRESH}))
    place.target = FRESH
    place.specify({"targetRef": {"name": FRESH}, **spec})


@disturbance("spec: another Service name")
def another_service_name(place: Place) -> None:
    place.hosts = (NAME, "web")
    place.specify({"service": {"name": "web"}})


@disturbance("spec: a target port that nobody has")
def target_port_missing(place: Place) -> Undo:
    return _specified(place, service={"port": application.PORT, "targetPort": "nobody"})


# -- The object -----------------------------------------------------------------------------------------------------


@disturbance("status wiped")
def status_wiped(place: Place) -> None:
    place.hands.edit(CANARIES, place.canary, lambda found: found.update(status={}), subresource="status")


@disturbance("status of a newer release", is_deaf=True)
def status_of_a_newer_release(place: Place) -> Undo:
    kept: Obj = {}

    def spoil(found: Obj) -> None:
        kept.update(found["status"]["rollout"])
        found["status"]["rollout"]["version"] = 99

    def restore(found: Obj) -> None:
        found["status"]["rollout"] = kept

    place.hands.edit(CANARIES, place.canary, spoil, subresource="status")
    return lambda: place.hands.edit(CANARIES, place.canary, restore, subresource="status")


@disturbance("a misspelt request")
def misspelt_request(place: Place) -> None:
    place.ask("abrot/1")


@disturbance("finalizer removed", setup=_REVERTS)
def finalizer_removed(place: Place) -> None:
    place.hands.patch(CANARIES, place.canary, {"metadata": {"finalizers": None}})


@disturbance("Canary deleted and made anew", setup=_TAKEN_OVER, is_judged=False)
def canary_made_anew(place: Place) -> None:
    place.hands.delete(CANARIES, place.canary)
    if place.until(lambda: place.hands.look(CANARIES, place.canary) is None, GONE_S):
        place.hands.make(CANARIES, place.declared())


# -- Rivals ---------------------------------------------------------------------------------------------------------


def _rival(place: Place, **analysis: Any) -> Undo:
    place.hands.make(CANARIES, application.rival(place.setup, weights=place.weights, **analysis))
    return lambda: place.hands.delete(CANARIES, RIVAL)


@disturbance("a rival Canary")
def rival(place: Place) -> Undo:
    return _rival(place)


@disturbance("an invalid rival Canary")
def invalid_rival(place: Place) -> Undo:
    return _rival(place, **INVALID)


@disturbance("an invalid rival Canary, made right before the first initialisation", setup=Setup(has_invalid_rival=True))
def invalid_rival_from_the_beginning(place: Place) -> Undo:
    return lambda: place.hands.delete(CANARIES, RIVAL)
