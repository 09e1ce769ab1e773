"""Services select the pods of their application alone, and those that serve, whatever becomes of labels and ports."""

from __future__ import annotations

from typing import Any

import pytest

from applications.declared import a_canary, a_deployment, patched
from canary_adapters.istio import IstioRouter
from canary_adapters.istio.resources import VIRTUAL_SERVICES
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES, Obj
from canary_adapters.kubernetes.selector import Selector, in_place
from canary_adapters.kubernetes.services import ServiceRouter, reachability
from canary_adapters.kubernetes.services.pods import pods_of
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.workload import ConfigDigests, DeploymentWorkload, Fingerprints
from canary_core import Traffic
from canary_ports import ConflictError, RefusedError, RouterPort

pytestmark = pytest.mark.slow

SETTINGS = ObjectSettings()
LABELS = SETTINGS.selector_labels
ROUTERS = [ServiceRouter, IstioRouter]
BOTH = {"app.kubernetes.io/name": "shop", "app.kubernetes.io/instance": "shop-a"}


def _deployment(name: str, selector: dict[str, str], **more: str) -> Obj:
    """A Deployment whose pods carry the labels of its selector and some more."""
    found = a_deployment(name=name)
    found["spec"]["selector"]["matchLabels"] = dict(selector)
    found["spec"]["template"]["metadata"]["labels"] = {**selector, **more}
    return found


def _workload(cluster: Cluster, namespace: str, settings: ObjectSettings = SETTINGS) -> DeploymentWorkload:
    fingerprints = Fingerprints(ConfigDigests(cluster), track_configs=False)
    return DeploymentWorkload(cluster, a_canary(cluster.api, namespace), settings, fingerprints)


def _is_rigid(workload: DeploymentWorkload) -> bool:
    primary = workload.observe().primary
    assert primary is not None
    return primary.rigid


def _revision(workload: DeploymentWorkload) -> str:
    canary = workload.observe().canary
    assert canary is not None
    assert canary.revision is not None
    return canary.revision


def _initialised(
    cluster: Cluster, namespace: str, target: Obj, kind: type[Any] = IstioRouter, **spec: Any
) -> RouterPort:
    cluster.create(DEPLOYMENTS, namespace, target)
    workload = _workload(cluster, namespace)
    workload.ensure_primary(_revision(workload), 1)
    router = _router(cluster, namespace, kind, **spec)
    router.ensure(Traffic())
    return router


def _router(
    cluster: Cluster, namespace: str, kind: type[Any] = IstioRouter, settings: ObjectSettings = SETTINGS, **spec: Any
) -> RouterPort:
    found: RouterPort = kind(cluster, a_canary(cluster.api, namespace, **spec), settings)
    return found


def _delete(cluster: Cluster, namespace: str, name: str = "app") -> None:
    while (live := cluster.read(DEPLOYMENTS, namespace, name)) is not None:
        try:
            cluster.delete(DEPLOYMENTS, live)
        except ConflictError:
            continue


def _selectors(cluster: Cluster, namespace: str) -> dict[str, Any]:
    found = {name: cluster.get(SERVICES, namespace, name) for name in ("app", "app-primary", "app-canary")}
    return {name: (live or {"spec": {}})["spec"].get("selector") for name, live in found.items()}


def _get(cluster: Cluster, namespace: str, name: str) -> Obj:
    found = cluster.read(DEPLOYMENTS, namespace, name)
    assert found is not None, name
    return found


# -- Of one application ---------------------------------------------------------------------------------------------


def test_of_two_instances_of_an_application_each_has_its_own_pods(cluster: Cluster, namespace: str) -> None:
    """The label that tells primary and target apart is the same for both: the other ones tell the instances apart."""
    _initialised(cluster, namespace, _deployment("app", BOTH))
    other = {**BOTH, "app.kubernetes.io/instance": "shop-b"}
    of_others = [other, {**other, "app.kubernetes.io/name": "shop-primary"}]
    primary = {**BOTH, "app.kubernetes.io/name": "shop-primary"}
    assert _selectors(cluster, namespace) == {"app": primary, "app-primary": primary, "app-canary": BOTH}
    made = _get(cluster, namespace, "app-primary")
    assert made["spec"]["selector"] == {"matchLabels": primary}
    for selector in (*_selectors(cluster, namespace).values(), made["spec"]["selector"]["matchLabels"]):
        assert not any(selector.items() <= labels.items() for labels in of_others)


@pytest.mark.parametrize("kind", ROUTERS)
def test_other_labels_of_a_live_service_stay(cluster: Cluster, namespace: str, kind: type[Any]) -> None:
    """Also those that are no part of the Deployment's selector, as long as the pods of both sides carry them."""
    people = {"app": "app", "tier": "web", "track": "stable"}
    service = {"selector": people, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    cluster.create(SERVICES, namespace, {"metadata": {"name": "app"}, "spec": service})
    target = _deployment("app", {"app": "app", "tier": "web"}, track="stable")
    router = _initialised(cluster, namespace, target, kind, service={"port": 80, "targetPort": 8080})
    assert router.read() == Traffic()
    apex = _selectors(cluster, namespace)["app"]
    assert apex == {**people, "app": "app-primary"}
    change = {"spec": {"template": {"metadata": {"labels": {"track": "new"}}}}}
    patched(cluster, DEPLOYMENTS, namespace, "app", change)
    assert router.read() is None
    router.ensure(Traffic())
    assert _selectors(cluster, namespace)["app"] == {"app": "app-primary", "tier": "web"}
    assert router.read() == Traffic()
    router.release()
    # By the label that no pod carries any more it would select nobody.
    assert _selectors(cluster, namespace)["app"] == {"app": "app", "tier": "web"}


def test_a_primary_that_selects_by_one_label_is_kept_and_its_services_select_by_all(
    cluster: Cluster, namespace: str
) -> None:
    """As Flagger and older releases made it: its pods are not replaced for that, and the Services are written once."""
    target = _deployment("app", BOTH)
    cluster.create(DEPLOYMENTS, namespace, target)
    one = {"app.kubernetes.io/name": "shop-primary"}
    primary = _deployment("app-primary", one, **{"app.kubernetes.io/instance": "shop-a"})
    primary["spec"]["template"]["metadata"]["annotations"] = {"flagger-id": "1"}
    before = cluster.create(DEPLOYMENTS, namespace, primary)["spec"]
    router = _router(cluster, namespace)
    router.ensure(Traffic())
    assert _selectors(cluster, namespace)["app"] == {**BOTH, **one}
    workload = _workload(cluster, namespace)
    workload.promote(_revision(workload), None)
    after = _get(cluster, namespace, "app-primary")["spec"]
    assert (after["selector"], after["template"]["metadata"]["labels"]) == (
        before["selector"],
        before["template"]["metadata"]["labels"],
    )
    # Without the target it is remembered which of all these pods are ours.
    _delete(cluster, namespace)
    assert router.read() == Traffic()
    assert _selectors(cluster, namespace)["app"] == {**BOTH, **one}


# -- Of pods that serve ---------------------------------------------------------------------------------------------

NEW = {"app.kubernetes.io/name": "app"}


@pytest.mark.parametrize("kind", ROUTERS)
def test_a_target_made_anew_with_other_labels_takes_no_traffic_from_the_primary(
    cluster: Cluster, namespace: str, kind: type[Any]
) -> None:
    router = _initialised(cluster, namespace, _deployment("app", {"app": "app"}), kind)
    _delete(cluster, namespace)
    assert router.read() == Traffic()
    router.ensure(Traffic())
    old = {"app": "app-primary"}
    assert _selectors(cluster, namespace) == {"app": old, "app-primary": old, "app-canary": {"app": "app"}}
    cluster.create(DEPLOYMENTS, namespace, _deployment("app", NEW))
    router.ensure(Traffic())
    assert router.read() == Traffic()
    assert _selectors(cluster, namespace) == {"app": old, "app-primary": old, "app-canary": NEW}
    labels = (cluster.get(SERVICES, namespace, "app-primary") or {})["metadata"]["labels"]
    assert labels == {"app": "app-primary"}
    canary = Traffic(canary_weight=100)
    router.ensure(canary)
    assert router.read() == canary


@pytest.mark.parametrize("kind", ROUTERS)
def test_a_service_whose_target_was_made_anew_with_other_labels_is_given_back_to_that(
    cluster: Cluster, namespace: str, kind: type[Any]
) -> None:
    """By the labels that it had it would select nobody."""
    service = {"selector": {"app": "app"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    cluster.create(SERVICES, namespace, {"metadata": {"name": "app"}, "spec": service})
    declared = {"port": 80, "targetPort": 8080}
    router = _initialised(cluster, namespace, _deployment("app", {"app": "app"}), kind, service=declared)
    _delete(cluster, namespace)
    cluster.create(DEPLOYMENTS, namespace, _deployment("app", NEW))
    router.ensure(Traffic())
    router.release()
    assert _selectors(cluster, namespace)["app"] == NEW


def test_the_primary_of_a_target_with_other_labels_is_made_anew_when_it_may_go(
    cluster: Cluster, namespace: str
) -> None:
    router = _initialised(cluster, namespace, _deployment("app", {"app": "app"}))
    _delete(cluster, namespace)
    cluster.create(DEPLOYMENTS, namespace, _deployment("app", NEW))
    workload = _workload(cluster, namespace)
    assert _is_rigid(workload)
    assert workload.obstacles() == ()
    with pytest.raises(RefusedError) as caught:
        workload.promote(_revision(workload), None)
    assert caught.value.reason == "PrimarySelectorDiffers"
    for words in ("app=app-primary", "app.kubernetes.io/name=app", "delete app-primary"):
        assert words in caught.value.message
    router.ensure(Traffic(canary_weight=100))
    assert _selectors(cluster, namespace)["app"] == NEW
    for _ in range(2):
        workload.remove_primary()
        assert workload.observe().primary is None
        assert router.read() == Traffic(canary_weight=100)
    workload.ensure_primary(_revision(workload), 2)
    assert not _is_rigid(workload)
    made = {"app.kubernetes.io/name": "app-primary"}
    router.ensure(Traffic(canary_weight=100))
    assert router.read() == Traffic(canary_weight=100)
    assert _selectors(cluster, namespace)["app"] in (NEW, made)  # as soon as the new one serves
    assert _get(cluster, namespace, "app-primary")["spec"]["selector"] == {"matchLabels": made}
    router.ensure(Traffic())
    assert router.read() == Traffic()
    assert _selectors(cluster, namespace) == {"app": made, "app-primary": made, "app-canary": NEW}


def test_a_primary_of_somebody_else_is_not_removed(cluster: Cluster, namespace: str) -> None:
    cluster.create(DEPLOYMENTS, namespace, _deployment("app-primary", {"app": "app-primary"}))
    _workload(cluster, namespace).remove_primary()
    assert cluster.read(DEPLOYMENTS, namespace, "app-primary") is not None


@pytest.mark.parametrize("kind", ROUTERS)
@pytest.mark.parametrize("labels", [("name",), ("nobody",)], ids=["another one", "none that it has"])
def test_other_preferred_labels_change_nothing_for_running_apps(
    cluster: Cluster, namespace: str, kind: type[Any], labels: tuple[str, ...]
) -> None:
    """`-selector-labels` with another value, or coming from Flagger that had another one."""
    router = _initialised(cluster, namespace, _deployment("app", {"app": "app", "name": "shop"}), kind)
    before = _selectors(cluster, namespace)
    changed = ObjectSettings(selector_labels=labels)
    router = _router(cluster, namespace, kind, changed)
    assert router.read() == Traffic()
    router.ensure(Traffic())
    assert _selectors(cluster, namespace) == before
    workload = _workload(cluster, namespace, changed)
    assert not _is_rigid(workload)
    assert workload.obstacles() == ()
    image = {"spec": {"template": {"metadata": {"labels": {"new": "label"}}}}}
    patched(cluster, DEPLOYMENTS, namespace, "app", image)
    workload.promote(_revision(workload), None)
    template = _get(cluster, namespace, "app-primary")["spec"]["template"]
    assert template["metadata"]["labels"] == {"app": "app-primary", "name": "shop", "new": "label"}
    assert router.read() == Traffic()


@pytest.mark.parametrize("kind", ROUTERS)
def test_traffic_can_be_moved_when_the_target_has_none_of_the_labels(
    cluster: Cluster, namespace: str, kind: type[Any]
) -> None:
    router = _initialised(cluster, namespace, _deployment("app", {"app": "app"}), kind)
    router.ensure(Traffic(canary_weight=100))
    _delete(cluster, namespace)
    cluster.create(DEPLOYMENTS, namespace, _deployment("app", {"odd": "x"}))
    router.ensure(Traffic())
    assert router.read() == Traffic()
    assert _selectors(cluster, namespace)["app"] == {"app": "app-primary"}
    assert _selectors(cluster, namespace)["app-canary"] == {"odd": "x"}
    workload = _workload(cluster, namespace)
    assert workload.observe().canary is not None
    assert [each.reason for each in workload.obstacles()] == ["SelectorLabelMissing"]


@pytest.mark.parametrize("kind", ROUTERS)
def test_a_target_without_match_labels_gets_no_traffic(cluster: Cluster, namespace: str, kind: type[Any]) -> None:
    router = _initialised(cluster, namespace, _deployment("app", {"app": "app"}), kind)
    _delete(cluster, namespace)
    target = _deployment("app", {"odd": "x"})
    target["spec"]["selector"] = {"matchExpressions": [{"key": "odd", "operator": "Exists"}]}
    cluster.create(DEPLOYMENTS, namespace, target)
    router.ensure(Traffic())
    assert router.read() == Traffic()
    with pytest.raises(RefusedError) as caught:
        router.ensure(Traffic(canary_weight=100))
    assert caught.value.reason == "SelectorLabelMissing"
    assert router.read() == Traffic()


def test_without_primary_and_target_services_stay_as_they_are(cluster: Cluster, namespace: str) -> None:
    router = _initialised(cluster, namespace, _deployment("app", {"app": "app"}))
    before = _selectors(cluster, namespace)
    for name in ("app", "app-primary"):
        _delete(cluster, namespace, name)
    assert router.read() == Traffic()
    router.ensure(Traffic(canary_weight=10))
    assert router.read() == Traffic(canary_weight=10)
    assert _selectors(cluster, namespace) == before


def test_without_anything_there_is_nothing_to_make(cluster: Cluster, namespace: str) -> None:
    router = _router(cluster, namespace, ServiceRouter, provider="kubernetes")
    router.ensure(Traffic())
    assert set(_selectors(cluster, namespace).values()) == {None}


# -- Ports that a revision renames ----------------------------------------------------------------------------------

RENAMED = {"name": "http", "containerPort": 8080}


def _port(cluster: Cluster, namespace: str, port: Obj) -> None:
    container = {"name": "app", "image": "example.com/app:two", "ports": [port]}
    patched(cluster, DEPLOYMENTS, namespace, "app", {"spec": {"template": {"spec": {"containers": [container]}}}})


@pytest.mark.parametrize("kind", ROUTERS)
def test_a_revision_that_renames_its_port_gets_no_traffic_and_takes_none(
    cluster: Cluster, namespace: str, kind: type[Any]
) -> None:
    split = Traffic(canary_weight=100)
    service = {"port": 80, "targetPort": "web"}
    router: Any = _initialised(cluster, namespace, _deployment("app", {"app": "app"}), kind, service=service)
    router.ensure(split)
    assert router.objection() is None
    _port(cluster, namespace, RENAMED)
    assert router.read() == split
    objection = router.objection()
    assert objection is not None
    assert objection.reason == "ServicePortMismatch"
    assert "spec.service.targetPort web: no container of app has a port of this name (known: http)" in objection.message
    router.ensure(Traffic())
    assert router.read() == Traffic()
    with pytest.raises(RefusedError, match="targetPort web"):
        router.ensure(split)
    assert router.read() == Traffic()


def test_a_port_of_people_that_a_revision_does_not_know_keeps_traffic_from_it(cluster: Cluster, namespace: str) -> None:
    ports = [{"name": "one", "port": 80, "targetPort": 8080}, {"name": "two", "port": 81, "targetPort": "web"}]
    dead = {"name": "dead", "port": 82, "targetPort": "nobody"}
    spec = {"selector": {"app": "app"}, "ports": [*ports, dead]}
    cluster.create(SERVICES, namespace, {"metadata": {"name": "app"}, "spec": spec})
    service = {"port": 80, "targetPort": 8080}
    router: Any = _initialised(cluster, namespace, _deployment("app", {"app": "app"}), service=service)
    router.ensure(Traffic(canary_weight=10))
    _port(cluster, namespace, RENAMED)
    objection = router.objection()
    assert objection is not None
    assert "targetPort web of port 81" in objection.message
    router.ensure(Traffic())
    assert router.read() == Traffic()


@pytest.mark.parametrize("kind", ROUTERS)
def test_a_canary_that_declares_a_port_that_nobody_has_leaves_clients_where_they_are(
    cluster: Cluster, namespace: str, kind: type[Any]
) -> None:
    service = {"port": 80, "targetPort": "web"}
    _initialised(cluster, namespace, _deployment("app", {"app": "app"}), kind, service=service)
    for wrong in ({"port": 80, "targetPort": "nobody"}, {"port": 81, "targetPort": "nobody"}):
        router: Any = _router(cluster, namespace, kind, service=wrong)
        router.ensure(Traffic())
        assert router.read() == Traffic()
        for name in ("app", "app-primary"):
            live = cluster.get(SERVICES, namespace, name)
            assert live is not None
            (port,) = live["spec"]["ports"]
            assert (port["port"], port["targetPort"] in {"web", 8080}) == (80, True)
        objection = router.objection()
        assert objection is not None
        assert "spec.service.targetPort nobody" in objection.message
    router = _router(cluster, namespace, kind, service=service)
    router.ensure(Traffic())
    assert router.objection() is None
    assert router.read() == Traffic()


def test_a_port_that_canary_and_revision_rename_together_leads_to_old_and_new_pods(
    cluster: Cluster, namespace: str
) -> None:
    """By number, while pods of both are behind one Service."""
    _initialised(cluster, namespace, _deployment("app", {"app": "app"}), service={"port": 80, "targetPort": "web"})
    _port(cluster, namespace, RENAMED)
    router: Any = _router(cluster, namespace, service={"port": 80, "targetPort": "http"})
    router.ensure(Traffic(canary_weight=30))
    assert router.objection() is None

    def targets() -> dict[str, Any]:
        lives = {name: cluster.get(SERVICES, namespace, name) for name in ("app", "app-primary", "app-canary")}
        return {name: (live or {})["spec"]["ports"][0]["targetPort"] for name, live in lives.items()}

    assert targets() == {"app": 8080, "app-primary": 8080, "app-canary": "http"}
    workload = _workload(cluster, namespace)
    workload.promote(_revision(workload), None)
    rolling = _get(cluster, namespace, "app-primary")
    if rolling["status"].get("updatedReplicas", 0) < rolling["status"].get("replicas", 0):
        router.ensure(Traffic(canary_weight=30))
        assert targets()["app-primary"] in {8080, "http"}
    while not (seen := workload.observe().primary) or seen.is_mixed:
        continue
    router.ensure(Traffic())
    assert targets() == dict.fromkeys(("app", "app-primary", "app-canary"), "http")


# -- Pure -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("primary", "target", "more", "label"),
    [
        ({"app": "x-primary"}, {"app": "x"}, {}, "app"),
        ({"app": "x-primary"}, {"app": "x", "tier": "web"}, {}, "app"),
        ({"app": "x-primary", "tier": "web"}, {"app": "x", "tier": "web"}, {}, "app"),
        ({"app": "x-primary", "tier": "web"}, {"app": "x"}, {"tier": "web"}, "app"),
        ({"tier": "web-primary"}, {"app": "x", "tier": "web"}, {}, "tier"),
        ({"app": "x-primary", "tier": "web"}, {"app": "x"}, {}, None),
        ({"app": "x-primary"}, {"name": "x"}, {}, None),
        ({"app": "x-primary"}, {"name": "x"}, {"app": "x"}, None),
        ({"app": "x-primary"}, {"app": "y"}, {}, None),
        ({"app": "x"}, {"app": "x"}, {}, None),
        ({}, {"app": "x"}, {}, None),
        ({"app": "x-primary", "tier": "web-primary"}, {"app": "x", "tier": "web"}, {}, None),
    ],
)
def test_a_primary_goes_on_where_one_renamed_label_of_the_target_gives_its_own(
    primary: dict[str, str], target: dict[str, str], more: dict[str, str], label: str | None
) -> None:
    expected = Selector(label=label, value=target[label]) if label is not None else None
    assert in_place(_deployment("app-primary", primary), _deployment("app", target, **more)) == expected


def test_what_services_select_is_known_from_them_when_the_workloads_are_gone() -> None:
    live: dict[str, Obj | None] = {
        "primary": {"spec": {"selector": {"app": "x-primary"}}},
        "canary": {"spec": {"selector": {"app": "x"}}},
    }
    found = pods_of(None, None, live, LABELS)
    assert (found.primary, found.canary, found.label) == ({"app": "x-primary"}, {"app": "x"}, "app")
    nothing = pods_of(None, None, {}, LABELS)
    assert (nothing.primary, nothing.canary, nothing.label) == ({}, {}, None)
    target = _deployment("x", {"odd": "x"})
    target["metadata"]["namespace"] = "here"
    odd = pods_of(None, target, live, LABELS)
    assert (odd.primary, odd.canary) == ({"app": "x-primary"}, {"odd": "x"})


def test_ports_of_sidecars_that_start_first_are_known(cluster: Cluster, namespace: str) -> None:
    """As Kubernetes looks for them: containers, and init containers that go on running; by name and protocol."""
    target = a_deployment()
    spec = target["spec"]["template"]["spec"]
    spec["initContainers"] = [
        {"name": "a", "restartPolicy": "Always", "ports": [{"name": "side", "containerPort": 1}]},
        {"name": "b", "ports": [{"name": "once", "containerPort": 2}]},
    ]
    spec["containers"][0]["ports"].append({"name": "udp", "containerPort": 3, "protocol": "UDP"})
    found = {}
    for name in ("web", "side", "once", "udp"):
        canary = a_canary(cluster.api, namespace, service={"port": 80, "targetPort": name})
        found[name] = reachability(canary, target) is None
    assert found == {"web": True, "side": True, "once": False, "udp": False}


def test_routes_are_read_whatever_the_services_are_declared_to_be(cluster: Cluster, namespace: str) -> None:
    """A revision that renames its port does not hide the split that is in force."""
    service = {"port": 80, "targetPort": "web"}
    router = _initialised(cluster, namespace, _deployment("app", {"app": "app"}), service=service)
    router.ensure(Traffic(canary_weight=30))
    _port(cluster, namespace, RENAMED)
    live = cluster.get(VIRTUAL_SERVICES, namespace, "app")
    assert live is not None
    assert [each["weight"] for each in live["spec"]["http"][0]["route"]] == [70, 30]
    assert router.read() == Traffic(canary_weight=30)
