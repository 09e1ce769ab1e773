"""Disturbances of Services, VirtualServices and DestinationRules."""

from __future__ import annotations

from typing import Any, Final

from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.kubernetes.resources import SERVICES, Obj
from disturbances.application import NAME, PORT, Setup
from disturbances.disturbance import Undo, disturbance
from disturbances.place import Place

_PLAIN: Final = Setup(provider="kubernetes")
_APEX, _PRIMARY, _CANARY = NAME, f"{NAME}-primary", f"{NAME}-canary"
FOREIGN: Final = "foreign"
_NOWHERE: Final = "nowhere"


def _select_nobody(place: Place, service: str) -> None:
    place.hands.edit(SERVICES, service, lambda found: found["spec"].update(selector={"app": _NOWHERE}))


def _route(place: Place, **spec: Any) -> None:
    place.hands.edit(VIRTUAL_SERVICES, _APEX, lambda found: found["spec"].update(spec))


def _to(host: str, weight: int) -> Obj:
    return {"destination": {"host": host}, "weight": weight}


# -- Services -------------------------------------------------------------------------------------------------------


@disturbance("apex Service deleted")
def apex_deleted(place: Place) -> None:
    place.hands.delete(SERVICES, _APEX)


@disturbance("Service of the primary deleted")
def primary_service_deleted(place: Place) -> None:
    place.hands.delete(SERVICES, _PRIMARY)


@disturbance("Service of the canary deleted")
def canary_service_deleted(place: Place) -> None:
    place.hands.delete(SERVICES, _CANARY)


@disturbance("selector of the apex Service edited, without a mesh", setup=_PLAIN)
def apex_selector_edited_without_a_mesh(place: Place) -> None:
    _select_nobody(place, _APEX)


@disturbance("selector of the primary's Service edited")
def primary_selector_edited(place: Place) -> None:
    _select_nobody(place, _PRIMARY)


@disturbance("selector of the canary's Service edited")
def canary_selector_edited(place: Place) -> None:
    _select_nobody(place, _CANARY)


@disturbance("port of the primary's Service edited")
def primary_port_edited(place: Place) -> None:
    ports = [{"name": "http", "port": PORT, "targetPort": 9999}]
    place.hands.edit(SERVICES, _PRIMARY, lambda found: found["spec"].update(ports=ports))


# -- Routes of the mesh ---------------------------------------------------------------------------------------------


@disturbance("VirtualService deleted")
def route_deleted(place: Place) -> None:
    place.hands.delete(VIRTUAL_SERVICES, _APEX)


@disturbance("VirtualService: weights edited")
def weights_edited(place: Place) -> None:
    _route(place, http=[{"route": [_to(_PRIMARY, 0), _to(_CANARY, 100)]}])


@disturbance("VirtualService: destinations edited")
def destinations_edited(place: Place) -> None:
    _route(place, http=[{"route": [_to(_NOWHERE, 100)]}])


@disturbance("VirtualService: hosts edited")
def hosts_edited(place: Place) -> None:
    _route(place, hosts=[_NOWHERE])


@disturbance("DestinationRules deleted")
def rules_deleted(place: Place) -> None:
    for name in (_PRIMARY, _CANARY):
        place.hands.delete(DESTINATION_RULES, name)


@disturbance("another VirtualService for the host")
def foreign_route(place: Place) -> Undo:
    spec = {"hosts": [_APEX], "http": [{"route": [_to(_NOWHERE, 100)]}]}
    place.hands.make(VIRTUAL_SERVICES, {"metadata": {"name": FOREIGN}, "spec": spec})
    return lambda: place.hands.delete(VIRTUAL_SERVICES, FOREIGN)
