"""Attacks on what belongs to somebody else: hosts, gateways and references of the victim, objects with our names."""

from __future__ import annotations

from typing import Any

from applications.demo_app import application
from attackers.objects import check
from attackers.place import Place, attacker


def _route_for(place: Place, host: str) -> None:
    place.roll_out(place.canary(service={"hosts": [host]}))


@attacker(told=r"\bvictim\.victim\b")
def host_of_another_namespace(place: Place) -> None:
    """A Service by its whole name."""
    victim = place.around.victim
    _route_for(place, f"{victim}.{victim}.svc.cluster.local")


@attacker(told=r"\bvictim\.victim\b")
def short_host_of_another_namespace(place: Place) -> None:
    """The same without the domain of the cluster."""
    victim = place.around.victim
    _route_for(place, f"{victim}.{victim}")


@attacker(told=r"\*\.victim\b")
def hosts_of_another_namespace(place: Place) -> None:
    """All Services of a namespace."""
    _route_for(place, f"*.{place.around.victim}.svc.cluster.local")


@attacker(told=r"\bvictim/gateway\b")
def gateway_of_another_namespace(place: Place) -> None:
    """Traffic from outside that is meant for somebody else."""
    gateways = [f"{place.around.victim}/gateway"]
    place.roll_out(place.canary(service={"gateways": gateways, "hosts": ["app.example.com"]}))


@attacker(told=r"\bvictim\b")
def template_of_another_namespace(place: Place) -> None:
    """And with it the credentials of that namespace."""
    ref = {"name": "own", "namespace": place.around.victim}
    place.roll_out(place.canary(metrics=[check(templateRef=ref)]))


@attacker(told=r"\bvictim\b")
def receiver_of_another_namespace(place: Place) -> None:
    """Alerts to people who have nothing to do with this."""
    ref = {"name": "told", "namespace": place.around.victim}
    place.roll_out(place.canary(alerts=[{"name": "told", "severity": "info", "providerRef": ref}]))


# -- Named as ours, and somebody else's -----------------------------------------------------------------------------


def _taken(place: Place, obj: dict[str, Any]) -> None:
    """An object that is there before, with an owner of its own, and must stay as it is."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{place.name}-owner"}}
    place.create(owner)
    metadata = place.read(owner)["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": metadata["name"], "uid": metadata["uid"]}
    obj["metadata"] |= {"namespace": place.namespace, "ownerReferences": [{**reference, "controller": True}]}
    place.keep(obj)
    place.roll_out()


@attacker(told=r"destinationrule IT\S* belongs to ConfigMap")
def foreign_destination_rule(place: Place) -> None:
    """Written by hand, for the primary's host."""
    name = f"{place.name}-primary"
    spec = {"host": "elsewhere.example.com", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
    _taken(place, _mesh("DestinationRule", name, spec))


@attacker(told=r"virtualservice IT\S* belongs to ConfigMap")
def foreign_virtual_service(place: Place) -> None:
    """Written by hand, for somebody else's host."""
    spec = {"hosts": ["elsewhere.example.com"], "http": [{"route": [{"destination": {"host": "elsewhere"}}]}]}
    _taken(place, _mesh("VirtualService", place.name, spec))


@attacker(told=r"service IT\S* belongs to ConfigMap")
def foreign_service(place: Place) -> None:
    """With Pods that have nothing to do with the target."""
    spec = {"selector": {"app": "elsewhere"}, "ports": [{"port": 9999, "targetPort": 9999}]}
    _taken(place, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{place.name}-canary"}, "spec": spec})


@attacker(told=r"deployment IT\S* belongs to ConfigMap")
def foreign_deployment(place: Place) -> None:
    """Called as the primary would be."""
    found = application(place.namespace, f"{place.name}-primary")[0]
    found["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/elsewhere:v7"
    _taken(place, found)


def _mesh(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "networking.istio.io/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec}
