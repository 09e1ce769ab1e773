"""Disturbances of what the controller talks to, and of the controller itself."""

from __future__ import annotations

from typing import Final

from disturbances.application import NAME, Setup
from disturbances.disturbance import Undo, disturbance
from disturbances.outside import Answer
from disturbances.place import Place

_GATED: Final = Setup(has_gate=True)
_ALONE: Final = Setup(has_own_controller=True)
_TWO_LABELS: Final = Setup(has_own_controller=True, labels={"app": NAME, "app.kubernetes.io/name": NAME})
_ROUTES: Final = "networking.istio.io"


# -- Prometheus and webhooks ----------------------------------------------------------------------------------------


def _monitored(place: Place, answer: Answer) -> Undo:
    place.monitor(answer)
    return place.monitor


@disturbance("Prometheus down")
def prometheus_down(place: Place) -> Undo:
    return _monitored(place, Answer.DOWN)


@disturbance("Prometheus answers garbage")
def prometheus_garbage(place: Place) -> Undo:
    return _monitored(place, Answer.GARBAGE)


def _gate(place: Place, answer: Answer) -> Undo:
    told = place.world.gate.told
    told[place.namespace] = answer
    return lambda: told.pop(place.namespace, None)


@disturbance("gate down", setup=_GATED)
def gate_down(place: Place) -> Undo:
    return _gate(place, Answer.DOWN)


@disturbance("gate hangs", setup=_GATED)
def gate_hangs(place: Place) -> Undo:
    return _gate(place, Answer.HANGING)


# -- The API server -------------------------------------------------------------------------------------------------


def _refused(place: Place, group: str) -> Undo:
    refused = place.world.refused
    refused[place.namespace] = group
    return lambda: refused.pop(place.namespace, None)


@disturbance("API server refuses the controller's writes", is_inside=True, is_deaf=True)
def writes_refused(place: Place) -> Undo:
    return _refused(place, "")


@disturbance("admission refuses the controller's routes", is_inside=True, is_deaf=True)
def routes_refused(place: Place) -> Undo:
    return _refused(place, _ROUTES)


@disturbance("watches end, and history is forgotten", is_inside=True)
def history_forgotten(place: Place) -> None:
    place.world.lab.cluster.forget_history()
    place.world.lab.cluster.end_watches()


# -- The controller -------------------------------------------------------------------------------------------------


@disturbance("controller killed, and started again", setup=_ALONE, is_deaf=True)
def controller_killed(place: Place) -> Undo:
    assert place.controller is not None
    place.controller.kill()
    return place.start_controller


@disturbance("controller started with other -selector-labels", setup=_TWO_LABELS)
def selector_labels_changed(place: Place) -> None:
    assert place.controller is not None
    place.controller.terminate()
    place.start_controller("-selector-labels=app.kubernetes.io/name,app")
