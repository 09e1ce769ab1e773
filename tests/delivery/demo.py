"""The demo application of examples/fleet as Fleet delivers it, in a namespace of a test."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import evolve, field, frozen

from delivery.fleet import Bundle, ComparePatch
from delivery.merging import Obj, merge_patch
from laboratories.lab import Lab

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "examples" / "fleet" / "canary-demo-app"
NAME: Final = "fleet-simple-app"
QUICK: Final = {"interval": "1s", "stepWeight": 25, "maxWeight": 50, "threshold": 2, "webhooks": None}
"""The article's policy, in a hurry, and without the load test, which has nobody to answer it here."""


def demo_bundle(place: str, *, image: str = "v1", also: tuple[Obj, ...] = ()) -> Bundle:
    """The bundle of the demo application.

    Args:
        place: Namespace.
        image: Tag of its image.
        also: More objects.
    """
    found = Bundle.read(FOLDER, "canary-demo-app-examples-fleet-canary-demo-app")
    objects = tuple(_placed(obj, place, image) for obj in (*found.objects, *also))
    return evolve(found, objects=objects, patches=placed(found.patches, place))


def placed(patches: tuple[ComparePatch, ...], place: str) -> tuple[ComparePatch, ...]:
    """The same in another namespace."""
    return tuple(evolve(each, ref=(*each.ref[:2], place, each.ref[3])) for each in patches)


def _placed(obj: Obj, place: str, image: str) -> Obj:
    new = copy.deepcopy(obj)
    new["metadata"]["namespace"] = place
    if new["kind"] == "Canary":
        analysis = {**new["spec"]["analysis"], **QUICK}
        new["spec"]["analysis"] = {key: value for key, value in analysis.items() if value is not None}
    if new["kind"] == "Deployment":
        container = new["spec"]["template"]["spec"]["containers"][0]
        container["image"] = f"example.com/app:{image}"
        del container["readinessProbe"]  # there is nothing inside
    return new


def with_spec(bundle: Bundle, kind: str, **changes: Any) -> Bundle:
    """The bundle with other fields in the ``spec`` of its objects of a kind; None takes a field away."""

    def changed(obj: Obj) -> Obj:
        if obj["kind"] != kind:
            return obj
        spec = {key: value for key, value in {**obj["spec"], **changes}.items() if value is not None}
        return {**obj, "spec": spec}

    return evolve(bundle, objects=tuple(map(changed, bundle.objects)))


def whole_bundle(place: str, image: str) -> Bundle:
    """The bundle with a ConfigMap and an autoscaler in it, so that every kind of generated object is made."""
    whole = demo_bundle(place, image=image, also=(_CONFIG, _SCALER))
    ref = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": NAME}
    pods = next(obj for obj in whole.objects if obj["kind"] == "Deployment")["spec"]["template"]
    container = {**pods["spec"]["containers"][0], "envFrom": [{"configMapRef": {"name": "settings"}}]}
    template = {**pods, "spec": {"containers": [container]}}
    return with_spec(with_spec(whole, "Canary", autoscalerRef=ref), "Deployment", template=template)


_CONFIG: Final[Obj] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings"},
    "data": {"greeting": "hello"},
}
_SCALER: Final[Obj] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": NAME},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
        "minReplicas": 1,
        "maxReplicas": 3,
    },
}


@frozen
class Fleet:
    """An agent of Fleet in a laboratory."""

    lab: Lab
    delivered: dict[str, Bundle] = field(factory=dict)
    """By name; what is in the cluster."""

    def deliver(self, bundle: Bundle) -> None:
        """Install a bundle, or upgrade to it, as Helm does."""
        before = self.delivered.get(bundle.name)
        if before is None:
            self.lab.kubectl("create", "namespace", bundle.place)
            self.lab.kubectl("create", "-f", "-", stdin=yaml.safe_dump_all(bundle.delivered()))
        else:
            for obj in bundle.objects:
                self._upgrade(bundle, before, obj)
        self.delivered[bundle.name] = bundle

    def _upgrade(self, bundle: Bundle, before: Bundle, obj: Obj) -> None:
        live = self.lab.get(obj["kind"], obj["metadata"]["name"], obj["metadata"]["namespace"])
        assert live is not None
        change = merge_patch(live, bundle.upgraded(before, live))
        if change:
            where = ("-n", obj["metadata"]["namespace"], obj["kind"], obj["metadata"]["name"])
            self.lab.kubectl("patch", *where, "--field-manager=helm", "--type=merge", "-p", json.dumps(change))


def primary_image(lab: Lab, place: str) -> str:
    """What the primary runs."""
    found = lab.get("deployment", f"{NAME}-primary", place)
    assert found is not None
    image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
    return image.rpartition(":")[2]
