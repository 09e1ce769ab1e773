"""A write that a server does not keep is told of when it is made for the second time, with field and both values."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.process import cluster_of
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.differences import differences
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES, Obj
from canary_lab.cluster.errors import ApiError, forbidden_error
from canary_ports import RefusedError
from laboratories.quiet_server import QuietServer

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(sent=json_values)
def test_what_comes_back_as_it_was_sent_has_no_difference(sent: Any) -> None:
    assert list(differences(sent, deepcopy(sent))) == []


@given(
    sent=st.dictionaries(st.sampled_from("abc"), json_values), more=st.dictionaries(st.sampled_from("de"), json_values)
)
def test_what_comes_besides_is_no_difference(sent: Obj, more: Obj) -> None:
    assert list(differences(sent, {**sent, **more})) == []


@given(sent=st.dictionaries(st.sampled_from("abc"), json_values, min_size=1), data=st.data())
def test_what_is_gone_or_changed_is_one(sent: Obj, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(sent)))
    without = {name: value for name, value in sent.items() if name != key}
    found = [path for path, _, _ in differences(sent, without)]
    assert found == ([] if sent[key] in (None, False, 0, "", [], {}) else [(key,)])
    assert [path[0] for path, _, _ in differences({key: "x"}, {key: "y"})] == [key]


# -- On a server that changes what is written -------------------------------------------------------------------------


@pytest.fixture
def server() -> QuietServer:
    found = QuietServer()
    found.namespace("here")
    return found


@pytest.fixture
def cluster(server: QuietServer) -> Iterator[Cluster]:
    with cluster_of(server) as found:
        yield found


def _service() -> Obj:
    return {"metadata": {"name": "app"}, "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]}}


def _always(**changes: Any) -> Any:
    """Admission that has these values in the spec of every Service."""

    def admit(resource: Any, subresource: str, new: Obj, old: Obj | None) -> Obj:
        if resource.plural == "services":
            new["spec"] |= changes
        return new

    return admit


def _without(field: str) -> Any:
    def admit(resource: Any, subresource: str, new: Obj, old: Obj | None) -> Obj:
        new["spec"].pop(field, None)
        return new

    return admit


def test_the_second_write_of_the_same_says_what_was_changed_back(server: QuietServer, cluster: Cluster) -> None:
    server.api.admissions.append(_always(selector={"app": "webhook"}))
    live = cluster.create(SERVICES, "here", _service())
    wanted = {**live, "spec": {**live["spec"], "selector": {"app": "b"}}}
    first = cluster.replace(SERVICES, wanted)
    assert first["spec"]["selector"] == {"app": "webhook"}
    with pytest.raises(RefusedError) as refused:
        cluster.replace(SERVICES, wanted)
    assert refused.value.reason == "NotKeptAsWritten"
    assert refused.value.message.startswith(
        'service app.here is not kept as it is written: spec.selector.app: "b" was written, and "webhook" is stored; '
    )
    server.api.admissions.clear()
    assert cluster.replace(SERVICES, wanted)["spec"]["selector"] == {"app": "b"}
    assert (SERVICES, "here", "app") not in cluster._kept


def test_a_field_that_is_dropped_is_named(server: QuietServer, cluster: Cluster) -> None:
    live = cluster.create(SERVICES, "here", _service())
    server.api.admissions.append(_without("selector"))
    spec = {**live["spec"], "selector": {"app": "b"}}
    live = cluster.replace(SERVICES, {**live, "spec": spec})
    with pytest.raises(RefusedError, match=r"spec\.selector was written, and is gone"):
        cluster.replace(SERVICES, {**live, "spec": spec})


def test_patches_are_looked_at_as_well(server: QuietServer, cluster: Cluster) -> None:
    live = cluster.create(SERVICES, "here", _service())
    server.api.admissions.append(_always(sessionAffinity="ClientIP"))
    live = cluster.patch(SERVICES, live, {"spec": {"sessionAffinity": "None"}})
    with pytest.raises(RefusedError, match=r'spec\.sessionAffinity: "None" was written, and "ClientIP" is stored'):
        cluster.patch(SERVICES, live, {"spec": {"sessionAffinity": "None"}})


def test_what_may_be_a_secret_is_named_and_not_shown(server: QuietServer, cluster: Cluster) -> None:
    """More people read conditions and events than Deployments and routes."""

    def mask(resource: Any, subresource: str, new: Obj, old: Obj | None) -> Obj:
        if resource.plural == "deployments" and old is not None:
            (container,) = new["spec"]["template"]["spec"]["containers"]
            container["env"][0]["value"] = "masked-by-policy"
            new["metadata"]["annotations"] = {"example.com/key": "masked-by-policy"}
        return new

    server.api.admissions.append(mask)
    container = {"name": "app", "image": "v1", "env": [{"name": "DSN", "value": "hunter2"}]}
    template = {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": {"app": "app"}}, "template": template}
    metadata = {"name": "app", "annotations": {"example.com/key": "hunter2"}}
    live = cluster.create(DEPLOYMENTS, "here", {"metadata": metadata, "spec": spec})
    wanted = {"metadata": {**live["metadata"], **metadata}, "spec": {**live["spec"], "paused": True}}
    live = cluster.replace(DEPLOYMENTS, wanted)
    wanted["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    with pytest.raises(RefusedError) as refused:
        cluster.replace(DEPLOYMENTS, wanted)
    assert "hunter2" not in refused.value.message
    assert "masked-by-policy" not in refused.value.message
    assert (
        "spec.template.spec.containers[0].env[0].value was written, and something else is stored"
        in refused.value.message
    )
    assert "metadata.annotations" in refused.value.message


def test_what_others_add_or_change_once_harms_nobody(server: QuietServer, cluster: Cluster) -> None:
    """An image that a policy takes from a mirror is written anew with each revision, and is no circle."""

    def mirror(resource: Any, subresource: str, new: Obj, old: Obj | None) -> Obj:
        if resource.plural == "deployments":
            (container,) = new["spec"]["template"]["spec"]["containers"]
            container["image"] = f"mirror/{container['image'].removeprefix('mirror/')}"
        return new

    def wanted(live: Obj | None, image: str) -> Obj:
        template = {
            "metadata": {"labels": {"app": "app"}},
            "spec": {"containers": [{"name": "app", "image": image}]},
        }
        spec = {"selector": {"matchLabels": {"app": "app"}}, "template": template, "replicas": 1}
        return {**(live or {}), "metadata": (live or {}).get("metadata") or {"name": "app"}, "spec": spec}

    server.api.admissions.append(mirror)
    live = cluster.create(DEPLOYMENTS, "here", wanted(None, "v1"))
    for image in ("v2", "v1", "v2", "v3", "v2"):
        live = cluster.replace(DEPLOYMENTS, wanted(live, image))
        assert live["spec"]["template"]["spec"]["containers"][0]["image"] == f"mirror/{image}"


def test_the_same_write_after_somebody_has_undone_it_is_no_circle(server: QuietServer, cluster: Cluster) -> None:
    live = cluster.create(SERVICES, "here", _service())
    server.api.admissions.append(_always(sessionAffinity="ClientIP"))
    for _ in range(3):
        wanted = {**live, "spec": {**live["spec"], "selector": {"app": "b"}, "sessionAffinity": "None"}}
        cluster.replace(SERVICES, wanted)
        server.edit(("", "v1", "services"), "here", "app", lambda obj: obj["spec"].update(selector={"app": "c"}))
        found = cluster.get(SERVICES, "here", "app")
        assert found is not None
        live = found


def test_admission_can_refuse(server: QuietServer, cluster: Cluster) -> None:
    def refuse(resource: Any, subresource: str, new: Obj, old: Obj | None) -> Obj:
        raise _denied(resource.plural)

    server.api.admissions.append(refuse)
    with pytest.raises(RefusedError, match="not on a Friday") as refused:
        cluster.create(SERVICES, "here", _service())
    assert refused.value.reason == "Forbidden"


def _denied(plural: str) -> ApiError:
    return forbidden_error("", plural, "app", "admission webhook denied the request: not on a Friday")
