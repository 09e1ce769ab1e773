"""The meter is right: whom requests reach, by the rules of Services and of Istio, and what a loss adds up to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disturbances.meter import Tally
from disturbances.routing import NOBODY, Obj, Objects, Request, lost_share, shares

NAMESPACE, IMAGE = "shop", "example.com/app"
REQUEST = Request(host="app", port=80, image=IMAGE)


def a_pod(tag: str, *, ready: bool = True, image: str = IMAGE, port: int = 8080, **labels: str) -> Obj:
    container = {"name": "app", "image": f"{image}:{tag}", "ports": [{"name": "http", "containerPort": port}]}
    return {
        "metadata": {"name": "pod", "labels": labels or {"app": "app"}},
        "spec": {"containers": [container]},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def a_service(name: str, *, port: int = 80, target: int | str = 8080, **selector: str) -> Obj:
    spec = {"selector": selector or {"app": name}, "ports": [{"port": port, "targetPort": target}]}
    return {"metadata": {"name": name}, "spec": spec}


def a_route(*http: Obj, name: str = "app", created: str = "2026-01-01T00:00:00Z", **spec: Any) -> Obj:
    spec = {"hosts": ["app"], "http": list(http), **spec}
    return {"metadata": {"name": name, "creationTimestamp": created}, "spec": spec}


def to(host: str, weight: int | None = None, **destination: Any) -> Obj:
    return {"destination": {"host": host, **destination}, **({} if weight is None else {"weight": weight})}


def split(weight: int) -> Obj:
    return {"route": [to("app-primary", 100 - weight), to("app-canary", weight)]}


SERVICES = (a_service("app"), a_service("app-primary"), a_service("app-canary", app="app"))
PODS = (a_pod("v1", app="app-primary"), a_pod("v2"))


def of(*routes: Obj, services: tuple[Obj, ...] = SERVICES, pods: tuple[Obj, ...] = PODS) -> dict[str, float]:
    objects = Objects(namespace=NAMESPACE, services=services, pods=pods, virtual_services=routes)
    found = shares(objects, REQUEST)
    assert lost_share(objects, REQUEST) == found.get(NOBODY, 0.0)
    return found


# -- Routes ---------------------------------------------------------------------------------------------------------


def test_weights_divide_requests() -> None:
    assert of(a_route(split(30))) == {"v1": 70.0, "v2": 30.0}


def test_a_weight_may_lead_to_a_service_in_any_spelling() -> None:
    routes = [to("app-primary.shop", 50), to("app-canary.shop.svc.cluster.local", 50)]
    assert of(a_route({"route": routes})) == {"v1": 50.0, "v2": 50.0}


def test_the_only_destination_needs_no_weight() -> None:
    assert of(a_route({"route": [to("app-primary")]})) == {"v1": 100.0}


def test_the_share_of_a_service_without_ready_pods_is_lost() -> None:
    assert of(a_route(split(30)), pods=(PODS[0], a_pod("v2", ready=False))) == {"v1": 70.0, NOBODY: 30.0}


def test_the_share_of_a_service_that_is_gone_is_lost() -> None:
    assert of(a_route(split(30)), services=(SERVICES[0], SERVICES[2])) == {NOBODY: 70.0, "v2": 30.0}


def test_weights_of_zero_and_routes_to_nowhere_reach_nobody() -> None:
    assert of(a_route({"route": [to("app-primary", 0), to("app-canary", 0)]})) == {NOBODY: 100.0}
    assert of(a_route({})) == {NOBODY: 100.0}
    assert of(a_route()) == {NOBODY: 100.0}


def test_without_a_virtual_service_the_service_of_the_host_decides() -> None:
    assert of() == {"v2": 100.0}
    assert of(a_route(split(0), hosts=["other"])) == {"v2": 100.0}
    assert of(a_route(split(0), gateways=["public"])) == {"v2": 100.0}
    objects = Objects(namespace=NAMESPACE, services=SERVICES, pods=PODS, virtual_services=[a_route(split(30))])
    assert shares(objects, Request(host="app", port=80, image=IMAGE, is_meshed=False)) == {"v2": 100.0}


def test_of_two_virtual_services_for_a_host_the_older_one_counts() -> None:
    ours = a_route(split(0))
    younger = a_route({"route": [to("nowhere")]}, name="a", created="2026-01-02T00:00:00Z")
    older = a_route({"route": [to("nowhere")]}, name="z", created="2025-01-02T00:00:00Z")
    assert of(younger, ours) == {"v1": 100.0}
    assert of(ours, older) == {NOBODY: 100.0}


def test_a_plain_request_takes_the_first_route_whose_condition_it_meets() -> None:
    headers = {"match": [{"headers": {"x-user": {"exact": "insider"}}}], "route": [to("app-canary")]}
    everything = {"match": [{"uri": {"prefix": "/"}}], "route": [to("app-primary")]}
    assert of(a_route(headers, everything, split(50))) == {"v1": 100.0}
    assert of(a_route(headers)) == {NOBODY: 100.0}


def test_a_host_without_a_service_has_no_address() -> None:
    """Nor has a port that it does not offer."""
    assert of(a_route(split(30)), services=SERVICES[1:]) == {NOBODY: 100.0}
    assert of(a_route(split(30)), services=(a_service("app", port=81), *SERVICES[1:])) == {NOBODY: 100.0}


def test_a_destination_means_the_port_that_it_names() -> None:
    services = (SERVICES[0], a_service("app-primary", port=9090))
    assert of(a_route({"route": [to("app-primary", port={"number": 9090})]}), services=services) == {"v1": 100.0}
    assert of(a_route({"route": [to("app-primary")]}), services=services) == {NOBODY: 100.0}


# -- Services and Pods ----------------------------------------------------------------------------------------------


def test_a_named_port_is_looked_up_in_each_pod() -> None:
    old, new = a_pod("v1"), a_pod("v2")
    new["spec"]["containers"][0]["ports"][0]["name"] = "web"
    assert of(services=(a_service("app", target="http"),), pods=(old, new)) == {"v1": 100.0}
    assert of(services=(a_service("app", target="http"),), pods=(new,)) == {NOBODY: 100.0}


def test_a_numbered_port_must_be_one_that_the_pod_declares_if_it_declares_any() -> None:
    silent = a_pod("v2")
    del silent["spec"]["containers"][0]["ports"]
    assert of(services=(a_service("app"),), pods=(a_pod("v1", port=9090),)) == {NOBODY: 100.0}
    assert of(services=(a_service("app"),), pods=(silent,)) == {"v2": 100.0}


def test_all_labels_of_a_selector_count_and_none_select_nobody() -> None:
    pods = (a_pod("v1", app="app", tier="web"), a_pod("v2", app="app", tier="worker"))
    assert of(services=(a_service("app", tier="web"),), pods=pods) == {"v1": 100.0}
    headless = a_service("app")
    del headless["spec"]["selector"]
    assert of(services=(headless,), pods=pods) == {NOBODY: 100.0}


def test_pods_of_another_application_answer_for_nobody() -> None:
    pods = (a_pod("v1"), a_pod("v1", image="example.com/other"))
    assert of(services=(a_service("app"),), pods=pods) == {"v1": 50.0, NOBODY: 50.0}


def test_a_pod_that_is_going_gets_no_requests() -> None:
    going = a_pod("v1")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    starting = a_pod("v1")
    del starting["status"]
    assert of(services=(a_service("app"),), pods=(going, starting)) == {NOBODY: 100.0}


@given(
    weight=st.integers(min_value=0, max_value=100),
    ready=st.lists(st.booleans(), max_size=4),
    hosts=st.lists(st.sampled_from(["app-primary", "app-canary", "nowhere"]), min_size=1, max_size=3),
)
def test_shares_are_of_a_hundred_and_a_ready_pod_never_costs_any(
    weight: int, ready: list[bool], hosts: list[str]
) -> None:
    route = a_route({"route": [to(host, weight) for host in hosts]})
    pods = [a_pod("v2", ready=each) for each in ready]
    before = Objects(namespace=NAMESPACE, services=SERVICES, pods=pods, virtual_services=[route])
    after = Objects(namespace=NAMESPACE, services=SERVICES, pods=[*pods, a_pod("v2")], virtual_services=[route])
    assert sum(shares(before, REQUEST).values()) == pytest.approx(100.0)
    assert 0.0 <= lost_share(after, REQUEST) <= lost_share(before, REQUEST) <= 100.0


# -- The tally ------------------------------------------------------------------------------------------------------


def test_what_is_lost_is_added_up_from_look_to_look() -> None:
    tally = Tally()
    for now_s, lost in ((10.0, 0.0), (10.5, 30.0), (11.0, 100.0), (11.5, 0.0), (13.0, 50.0), (14.0, 0.0), (14.5, 0.0)):
        tally.saw({"v1": 100.0 - lost, NOBODY: lost}, now_s)
    assert tally.lost == pytest.approx(30 * 0.5 + 100 * 0.5 + 50 * 1.0)
    assert tally.longest_s == pytest.approx(1.0)
    assert (tally.losing, tally.quiet_s) == (0.0, 0.5)


def test_a_loss_that_goes_on_is_not_quiet() -> None:
    tally = Tally()
    assert tally.quiet_s == 0.0
    tally.saw({NOBODY: 100.0}, 1.0)
    tally.saw({NOBODY: 100.0}, 3.0)
    assert (tally.lost, tally.longest_s, tally.quiet_s) == (200.0, 2.0, 0.0)


@given(
    steps=st.lists(
        st.tuples(st.floats(min_value=0.01, max_value=5), st.sampled_from([0.0, 20.0, 100.0])), min_size=1, max_size=12
    )
)
def test_no_more_is_lost_than_all_of_the_time(steps: list[tuple[float, float]]) -> None:
    tally, now_s = Tally(), 0.0
    for pause_s, lost in steps:
        now_s += pause_s
        tally.saw({NOBODY: lost}, now_s)
    whole_s = now_s - steps[0][0]
    assert tally.lost <= 100.0 * whole_s + 1e-6
    assert tally.lost <= 100.0 * tally.longest_s * len(steps) + 1e-6
    assert tally.longest_s <= whole_s + 1e-6
    assert (tally.lost > 0) == (tally.longest_s > 0)
