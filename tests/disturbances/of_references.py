"""Disturbances of what Canary and target refer to."""

from __future__ import annotations

from typing import Any

from canary_adapters.kubernetes.resources import ALERT_PROVIDERS, CONFIG_MAPS, METRIC_TEMPLATES, SECRETS, Obj, Resource
from disturbances import application
from disturbances.application import ALERTS, CHECK, CONFIG, SECRET
from disturbances.disturbance import Undo, disturbance
from disturbances.outside import Answer
from disturbances.place import Place


def _deleted(place: Place, resource: Resource, name: str) -> Undo:
    """Delete it; to be made again as it was."""
    found = place.hands.look(resource, name) or {}
    before: Obj = {key: found[key] for key in ("spec", "data", "type") if key in found}
    place.hands.delete(resource, name)
    return lambda: place.hands.make(resource, {"metadata": {"name": name}, **before})


def _check(place: Place, **spec: Any) -> Undo:
    """Edit the MetricTemplate."""
    place.hands.patch(METRIC_TEMPLATES, CHECK, {"spec": spec})
    before = application.check(place.world.monitoring.url)["spec"]
    return lambda: place.hands.patch(METRIC_TEMPLATES, CHECK, {"spec": before})


@disturbance("MetricTemplate deleted")
def check_deleted(place: Place) -> Undo:
    return _deleted(place, METRIC_TEMPLATES, CHECK)


@disturbance("MetricTemplate with a query that is none")
def check_broken(place: Place) -> Undo:
    return _check(place, query='sum(errors{a="{{ printf "%s" target }}"})')


@disturbance("MetricTemplate of a provider that is not served")
def check_not_served(place: Place) -> Undo:
    return _check(place, provider={"type": "datadog"})


@disturbance("AlertProvider deleted")
def alerts_deleted(place: Place) -> Undo:
    return _deleted(place, ALERT_PROVIDERS, ALERTS)


@disturbance("receiver of alerts hangs")
def alerts_hang(place: Place) -> Undo:
    place.world.gate.told[place.namespace] = Answer.HANGING
    place.hands.patch(ALERT_PROVIDERS, ALERTS, {"spec": {"address": f"{place.world.gate.url}/{place.namespace}"}})
    return lambda: place.hands.patch(ALERT_PROVIDERS, ALERTS, {"spec": place.alerts()["spec"]})


@disturbance("ConfigMap of the target deleted")
def config_deleted(place: Place) -> Undo:
    return _deleted(place, CONFIG_MAPS, CONFIG)


@disturbance("ConfigMap of the target changed")
def config_changed(place: Place) -> None:
    place.hands.patch(CONFIG_MAPS, CONFIG, {"data": {"COLOUR": "blue"}})


@disturbance("Secret of the target deleted")
def secret_deleted(place: Place) -> Undo:
    return _deleted(place, SECRETS, SECRET)
