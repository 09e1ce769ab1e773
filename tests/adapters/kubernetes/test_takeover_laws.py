"""Laws of a takeover, for any Service that the API server accepts and any port that a Canary may declare."""

from __future__ import annotations

import copy

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from applications.declared import a_deployment, canary_of, raw_canary
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.services.ports import fitted, joined, key_of, means_the_same, port_of
from canary_adapters.kubernetes.services.takeover import (
    Note,
    contradiction,
    given_back,
    peoples_ports,
    same_ports,
    taken_over,
)
from canary_adapters.manifests import Service

_NAMES = st.sampled_from(["http", "http-80", "http-81", "port-80", "web", "tcp-x", "x" * 63])
_NUMBERS = st.sampled_from([80, 81, 443, 8080])
_TARGETS: st.SearchStrategy[int | str] = st.sampled_from([80, 8080, 9100, "web", "metrics", "nobody"])
_PROTOCOLS = st.sampled_from(["TCP", "UDP"])
_CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"containerPort": st.sampled_from([80, 443, 8080, 9100])},
        optional={"name": st.sampled_from(["http", "web", "metrics"]), "protocol": _PROTOCOLS},
    ),
    max_size=4,
)


@st.composite
def services(draw: st.DrawFn) -> Obj:
    """A Service of people as the API server stores it: numbers and names are unique, and names are there if need be."""
    keys = draw(st.lists(st.tuples(_NUMBERS, _PROTOCOLS), unique=True, min_size=1, max_size=4))
    names = draw(st.lists(_NAMES, unique=True, min_size=len(keys), max_size=len(keys)))
    ports = []
    for (number, protocol), name in zip(keys, names, strict=True):
        port: Obj = {"protocol": protocol, "port": number, "targetPort": draw(_TARGETS)}
        if len(keys) > 1 or draw(st.booleans()):
            port["name"] = name
        port |= draw(st.fixed_dictionaries({}, optional={"nodePort": st.just(30000 + number)}))
        ports.append(port)
    metadata: Obj = {"name": "app", "namespace": "here"}
    annotations = draw(
        st.dictionaries(
            st.sampled_from(["a", "helm.toolkit.fluxcd.io/driftDetection"]), st.text(max_size=3), max_size=2
        )
    )
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": {"type": "NodePort", "selector": {"app": "app"}, "ports": ports}}


@st.composite
def declared(draw: st.DrawFn) -> Service:
    """``spec.service`` of a Canary."""
    return Service(
        port=draw(_NUMBERS),
        port_name=draw(_NAMES),
        target_port=draw(st.one_of(st.none(), _TARGETS)),
        app_protocol=draw(st.sampled_from([None, "http", "tcp"])),
        port_discovery=draw(st.booleans()),
    )


@st.composite
def workloads(draw: st.DrawFn) -> list[Obj]:
    """Primary and target, or some of them."""
    found = []
    for name in draw(st.sampled_from([(), ("app",), ("app-primary", "app")])):
        workload = a_deployment(name=name)
        container = workload["spec"]["template"]["spec"]["containers"][0]
        container["ports"] = draw(_CONTAINERS)
        found.append(workload)
    return found


_ALL = {"live": services(), "service": declared(), "pods": workloads()}


def _plan(live: Obj, service: Service, pods: list[Obj]) -> list[Obj]:
    return fitted(joined(peoples_ports(live), service, pods), service, pods[0] if pods else None, live["spec"]["ports"])


def _valid(ports: list[Obj]) -> bool:
    """As the API server demands it."""
    names = [port.get("name") for port in ports]
    named = len(ports) == 1 or (all(names) and len(set(names)) == len(names))
    return (
        named and len({key_of(port) for port in ports}) == len(ports) and all(len(name or "") <= 63 for name in names)
    )


@given(**_ALL)
def test_no_port_is_dropped_renamed_or_led_elsewhere(live: Obj, service: Service, pods: list[Obj]) -> None:
    found = _plan(live, service, pods)
    assert _valid(found)
    for port in live["spec"]["ports"]:
        kept = port_of(found, key_of(port))
        assert kept is not None
        assert kept.get("nodePort") == port.get("nodePort")
        assert "name" not in port or kept["name"] == port["name"]
        declares = key_of(port) == (service.port, "TCP")
        assert kept["targetPort"] == port["targetPort"] or declares


@given(**_ALL)
def test_what_is_not_refused_means_what_it_did(live: Obj, service: Service, pods: list[Obj]) -> None:
    """Also the port that is declared, unless it led to nobody."""
    canary = canary_of(raw_canary("here"))
    canary = evolve(canary, spec=evolve(canary.spec, service=service))
    if not pods or contradiction(canary, live, pods) is not None:
        return
    for port in live["spec"]["ports"]:
        kept = port_of(_plan(live, service, pods), key_of(port))
        assert kept is not None
        dead = [each for each in pods if not _leads(port, each)]
        assert all(means_the_same(port, kept, each) for each in pods) or dead


def _leads(port: Obj, workload: Obj) -> bool:
    target = port["targetPort"]
    if isinstance(target, int):
        return True
    ports = workload["spec"]["template"]["spec"]["containers"][0]["ports"]
    return any((each.get("name"), each.get("protocol", "TCP")) == (target, port["protocol"]) for each in ports)


@given(**_ALL, other=declared(), more=st.booleans())
def test_taking_over_and_giving_back_leaves_no_trace(
    live: Obj, service: Service, pods: list[Obj], other: Service, *, more: bool
) -> None:
    """Whatever was declared in between; and done twice it is as good as once."""
    before = copy.deepcopy(live)
    target = pods[-1] if pods else None
    selector = {"app": "app-primary"}
    now = live
    for each in (service, other) if more else (service,):
        now = taken_over(now, selector, _plan(now, each, pods), target=target)
        assert taken_over(now, selector, _plan(now, each, pods), target=target) is now
    assert live == before
    assert now["spec"]["selector"] == selector
    note = Note.of(now)
    assert note is not None
    assert given_back(now, note.selector) == before


@given(**_ALL)
def test_backends_offer_every_port_of_the_apex(live: Obj, service: Service, pods: list[Obj]) -> None:
    """And a Service of ours is made once: nothing is written again while nothing changes."""
    offered = joined(peoples_ports(live), service, pods)
    for own in (*pods, None):
        made = fitted(offered, service, own, [])
        assert {key_of(port) for port in made} == {key_of(port) for port in offered}
        again = fitted(offered, service, own, made)
        assert same_ports(again, made)
