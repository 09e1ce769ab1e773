"""Drift as these tests see it, in cases whose outcome is known."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from delivery.argo import INSTANCE, LAST_APPLIED, TRACKING, Application, Ignored
from delivery.fleet import HASH, Bundle, ComparePatch, Drift, ref_of
from delivery.merging import Obj, merge_patch, removed, three_way, without_extra

DEPLOYMENT: Obj = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "app", "namespace": "n"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "app"}},
        "template": {
            "metadata": {"labels": {"app": "app"}},
            "spec": {"containers": [{"name": "app", "image": "v1", "ports": [{"containerPort": 8080}]}]},
        },
    },
}
CANARY: Obj = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "app", "namespace": "n"},
    "spec": {"analysis": {"metrics": [{"name": "a"}]}},
}
REF = ref_of(DEPLOYMENT)


def _bundle(*patches: ComparePatch, objects: tuple[Obj, ...] = (DEPLOYMENT,)) -> Bundle:
    return Bundle("demo", objects, patches)


def _live(bundle: Bundle) -> Obj:
    """As the API server would have it."""
    found: Obj = copy.deepcopy(bundle.delivered()[0])
    if found["kind"] == "Deployment":
        found["spec"]["progressDeadlineSeconds"] = 600
        container = found["spec"]["template"]["spec"]["containers"][0]
        container |= {"imagePullPolicy": "Always", "ports": [{"containerPort": 8080, "protocol": "TCP"}]}
    return {**found, "status": {"x": 1}}


def _changed(obj: Obj, *path: Any, to: Any) -> Obj:
    found = copy.deepcopy(obj)
    place = found
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = to
    return found


def test_what_was_delivered_is_no_drift_and_neither_is_what_the_server_adds() -> None:
    bundle = _bundle()
    assert bundle.drift([_live(bundle)]) == ()
    assert _live(bundle)["metadata"]["labels"] == {HASH: bundle.hash, "app.kubernetes.io/managed-by": "Helm"}


CONTAINERS = ("spec", "template", "spec", "containers")


@pytest.mark.parametrize(
    ("path", "to", "is_drift"),
    [
        (("spec", "replicas"), 0, True),
        ((*CONTAINERS, 0, "image"), "v2", True),
        ((*CONTAINERS, 0, "ports", 0, "containerPort"), 9090, True),
        (CONTAINERS, [{"name": "app", "image": "v1", "ports": [{"containerPort": 8080}]}, {"name": "side"}], False),
        (("metadata", "annotations", "somebody"), "else", False),
        (("metadata", "labels", "somebody"), "else", False),
        (("spec", "template", "metadata", "labels", "app"), "other", True),
        (("spec", "minReadySeconds"), 5, False),
    ],
)
def test_fields_that_the_manifest_names_are_compared_and_others_are_not(
    path: tuple[Any, ...], to: Any, is_drift: bool
) -> None:
    bundle = _bundle()
    found = bundle.drift([_changed(_live(bundle), *path, to=to)])
    assert found == ((Drift("modified", REF),) if is_drift else ())


def test_a_list_of_a_custom_resource_is_compared_as_a_whole_but_for_fields_that_the_manifest_does_not_name() -> None:
    bundle = _bundle(objects=(CANARY,))
    live = _live(bundle)
    assert bundle.drift([_changed(live, "spec", "analysis", "metrics", 0, "interval", to="1m")]) == ()
    longer = _changed(live, "spec", "analysis", "metrics", to=[{"name": "a"}, {"name": "b"}])
    assert [each.state for each in bundle.drift([longer])] == ["modified"]


def test_missing_is_what_is_not_there_or_has_lost_its_label() -> None:
    bundle = _bundle()
    missing = (Drift("missing", REF),)
    assert bundle.drift([]) == missing
    assert bundle.drift([_changed(_live(bundle), "metadata", "labels", to={})]) == missing


def test_extra_is_what_has_the_label_in_a_kind_of_the_bundle_and_in_its_namespace() -> None:
    bundle = _bundle()
    live = _live(bundle)
    copied = _changed(live, "metadata", "name", to="app-primary")
    assert bundle.drift([live, copied]) == (Drift("extra", ref_of(copied)),)
    assert bundle.drift([live, _changed(copied, "metadata", "namespace", to="other")]) == ()
    assert bundle.drift([live, {**copied, "kind": "StatefulSet"}]) == ()
    assert bundle.drift([live, _changed(copied, "metadata", "labels", HASH, to="another bundle")]) == ()


REPLICAS: Obj = {"op": "remove", "path": "/spec/replicas"}
NOWHERE: Obj = {"op": "remove", "path": "/spec/template/spec/volumes"}


@pytest.mark.parametrize(
    ("patch", "is_drift"),
    [
        (ComparePatch(REF, (REPLICAS,)), False),
        (ComparePatch(REF, (), ("/spec/replicas",)), False),
        (ComparePatch(REF, (REPLICAS, NOWHERE)), True),  # one that cannot be applied spoils all
        (ComparePatch(REF, (), ("/spec/replicas", "/spec/template/spec/volumes")), False),
        (ComparePatch((*REF[:3], "other"), (REPLICAS,)), True),
        (ComparePatch(("apps/v1beta2", *REF[1:]), (REPLICAS,)), True),
    ],
)
def test_compare_patches_hide_what_they_remove_from_the_objects_that_they_name(
    patch: ComparePatch, is_drift: bool
) -> None:
    bundle = _bundle(patch)
    found = bundle.drift([_changed(_live(bundle), "spec", "replicas", to=0)])
    assert bool(found) is is_drift


def test_an_upgrade_undoes_drift_in_all_that_the_new_manifest_names() -> None:
    old = _bundle()
    new = _bundle(objects=(_changed(DEPLOYMENT, *CONTAINERS, 0, "image", to="v2"),))
    live = _changed(_changed(_live(old), "spec", "replicas", to=0), "metadata", "annotations", "somebody", to="else")
    found = new.upgraded(old, live)
    assert (found["spec"]["replicas"], found["spec"]["template"]["spec"]["containers"][0]["image"]) == (2, "v2")
    assert found["metadata"]["annotations"]["somebody"] == "else"
    assert found["spec"]["progressDeadlineSeconds"] == 600


def test_what_a_manifest_gives_up_goes_and_what_it_never_had_stays() -> None:
    spec = {"a": 1, "b": {"c": 1}, "ports": [{"port": 1}, {"port": 2}]}
    wanted = {"apiVersion": "v1", "spec": {"b": {}, "ports": [{"port": 2}]}}
    live = {"apiVersion": "v1", "spec": {**spec, "d": 1, "ports": [*spec["ports"], {"port": 3}]}}  # type: ignore[misc]
    found = three_way({"apiVersion": "v1", "spec": spec}, wanted, live)
    assert found["spec"] == {"b": {}, "d": 1, "ports": [{"port": 2}, {"port": 3}]}


def test_a_merge_patch_makes_one_of_the_other() -> None:
    old, new = {"a": 1, "b": {"c": 1, "d": [1]}, "e": 0}, {"a": 1, "b": {"c": 2, "d": [1]}, "f": None}
    assert merge_patch(old, new) == {"b": {"c": 2}, "e": None, "f": None}
    assert merge_patch(new, new) == {}


def test_parts_are_taken_out_where_they_are() -> None:
    assert removed({"a": {"b": [1, 2]}, "c~/d": 1}, ["/a/b/0", "/a/x", "/c~0~1d"]) == {"a": {"b": [2]}}
    assert without_extra({"a": [{"b": 1}]}, {"a": [{"b": 2, "c": 3}, {"d": 4}], "e": 5}) == {"a": [{"b": 2}, {"d": 4}]}


def _application(*ignored: Ignored, **options: Any) -> Application:
    return Application(name="demo", objects=(DEPLOYMENT,), ignored=ignored, **options)


def _managed(obj: Obj, manager: str, fields: Obj) -> Obj:
    return _changed(obj, "metadata", "managedFields", to=[{"manager": manager, "fieldsV1": fields}])


SCALED: Obj = {"f:spec": {"f:replicas": {}}}


@pytest.mark.parametrize(
    ("ignored", "fields", "is_drift"),
    [
        ((), SCALED, True),
        ((Ignored(group="apps", kind="Deployment", pointers=("/spec/replicas",)),), {}, False),
        ((Ignored(kind="Deployment", pointers=("/spec/replicas",)),), {}, True),
        ((Ignored(group="apps", kind="Deployment", name="other", pointers=("/spec/replicas",)),), {}, True),
        ((Ignored(group="apps", kind="Deployment", managers=("we",)),), SCALED, False),
        ((Ignored(group="apps", kind="Deployment", managers=("others",)),), SCALED, True),
        ((Ignored(group="apps", kind="Deployment", managers=("we",)),), {"f:spec": {".": {}}}, True),
    ],
)
def test_differences_are_ignored_by_place_or_by_who_made_them(
    ignored: tuple[Ignored, ...], fields: Obj, is_drift: bool
) -> None:
    app = _application(*ignored)
    live = _managed(_changed(app.manifests()[0], "spec", "replicas", to=0), "we", fields)
    assert app.out_of_sync([app.manifests()[0]]) == []
    assert app.out_of_sync([live]) == ([REF] if is_drift else [])


def test_a_field_that_was_set_as_a_whole_is_not_ignored_by_its_manager() -> None:
    """The selector of a Service is one."""
    app = _application(Ignored(group="apps", kind="Deployment", managers=("we",)))
    selector = {"matchLabels": {"app": "other"}}
    whole = _managed(
        _changed(app.manifests()[0], "spec", "selector", to=selector), "we", {"f:spec": {"f:selector": {}}}
    )
    assert app.out_of_sync([whole]) == [REF]


def test_what_is_not_there_is_out_of_sync() -> None:
    assert _application().out_of_sync([]) == [REF]


def test_what_was_applied_before_and_given_up_since_is_out_of_sync() -> None:
    before, after = _application(), _application()
    applied = before.manifests()[0]
    live = _changed(applied, "metadata", "annotations", LAST_APPLIED, to="")
    live["metadata"]["annotations"][LAST_APPLIED] = json.dumps(_changed(applied, "spec", "minReadySeconds", to=3))
    assert after.out_of_sync([_changed(live, "spec", "minReadySeconds", to=3)]) == [REF]


def test_that_nothing_was_annotated_before_is_nothing_given_up() -> None:
    app = _application(tracking="label")
    applied = _changed(app.manifests()[0], "metadata", "annotations", to={})
    live = _changed(applied, "metadata", "annotations", LAST_APPLIED, to=json.dumps(applied))
    assert app.out_of_sync([live]) == []


@pytest.mark.parametrize(("tracking", "owned", "is_extra"), [
    ("label", False, True), ("label", True, False), ("annotation", False, False), ("annotation", True, False),
])  # fmt: skip
def test_copies_are_extra_only_with_the_label_and_without_an_owner(tracking: Any, owned: bool, is_extra: bool) -> None:
    app = _application(tracking=tracking)
    metadata = app.manifests()[0]["metadata"]
    assert (INSTANCE in metadata.get("labels", {}), TRACKING in metadata.get("annotations", {})) == (
        tracking == "label", tracking == "annotation",
    )  # fmt: skip
    copied = _changed(app.manifests()[0], "metadata", "name", to="app-primary")
    copied["metadata"]["ownerReferences"] = [{"kind": "Canary"}] if owned else []
    assert bool(app.to_prune([copied])) is is_extra
    assert app.to_prune(app.manifests()) == []


def test_a_sync_applies_ignored_fields_as_well_unless_they_are_respected() -> None:
    rule = Ignored(group="apps", kind="Deployment", pointers=("/spec/replicas", "/spec/nothing"))
    live = _changed(DEPLOYMENT, "spec", "replicas", to=0)
    assert _application(rule).to_apply(DEPLOYMENT, live) == DEPLOYMENT
    assert _application(rule, respects=True).to_apply(DEPLOYMENT, live) == live
    assert _application(rule, respects=True).to_apply(DEPLOYMENT, None) == DEPLOYMENT
