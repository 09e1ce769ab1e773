"""Tools that apply manifests again and again: Argo CD that heals, Flux, and people with kubectl."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import yaml
from attrs import define, field, frozen

from delivery.argo import MANAGER, Application
from delivery.fleet import Ref, ref_of
from delivery.merging import Obj, removed
from laboratories.lab import Lab

CLIENT_SIDE: Final = ("--field-manager=kubectl-client-side-apply",)
SERVER_SIDE: Final = ("--server-side", "--force-conflicts", "--field-manager=kustomize-controller")
UNTOUCHED: Final = ("kustomize.toolkit.fluxcd.io/reconcile", "disabled")
"""Flux leaves objects with this annotation alone, whether it is in the manifest or in the cluster."""


def apply(lab: Lab, objects: tuple[Obj, ...], *flags: str) -> None:
    """Apply manifests with kubectl."""
    if objects:
        lab.kubectl("apply", *flags, "-f", "-", stdin=yaml.safe_dump_all(objects))


def live(lab: Lab, objects: tuple[Obj, ...]) -> list[Obj]:
    """Those of these objects that there are, with who set which field."""
    wanted = {ref_of(obj) for obj in objects}
    kinds = ",".join(sorted({ref[1] for ref in wanted}))
    place = next(iter(wanted))[2]
    text = lab.kubectl("get", kinds, "-n", place, "-o", "json", "--show-managed-fields")
    found: list[Obj] = json.loads(text)["items"]
    return found


def reconcile_with_flux(lab: Lab, objects: tuple[Obj, ...], ignore: tuple[Mapping[str, Any], ...] = ()) -> None:
    """One reconciliation of the kustomize-controller.

    Args:
        lab: Where.
        objects: The manifests.
        ignore: Rules of ``spec.ignore``; what they name is set once, and left alone from then on.
    """
    key, value = UNTOUCHED
    there = {ref_of(obj): obj.get("metadata", {}).get("annotations") or {} for obj in live(lab, objects)}
    wanted = []
    for obj in objects:
        annotations = there.get(ref_of(obj))
        if annotations is None:
            wanted.append(obj)
        elif annotations.get(key) != value:
            paths = [path for rule in ignore if _is_target(obj, rule["target"]) for path in rule["paths"]]
            wanted.append(removed(obj, paths))
    apply(lab, tuple(wanted), *SERVER_SIDE)


def _is_target(obj: Obj, target: Mapping[str, str]) -> bool:
    return (obj["kind"], obj["metadata"]["name"]) == (target["kind"], target["name"])


@frozen
class Argo:
    """Argo CD in a laboratory."""

    lab: Lab

    def sync(self, app: Application, only: list[Ref] | None = None) -> None:
        """Apply the manifests of an application; only these, if some are named."""
        there = {ref_of(obj): obj for obj in live(self.lab, app.objects)}
        chosen = [obj for obj in app.manifests() if only is None or ref_of(obj) in only]
        wanted = tuple(app.to_apply(obj, there.get(ref_of(obj))) for obj in chosen)
        apply(self.lab, wanted, f"--field-manager={MANAGER}")


@define
class Healer:
    """What self-healing has done."""

    app: Application
    """May be replaced: somebody has committed."""
    healed: list[Ref] = field(factory=list)
    failed: list[str] = field(factory=list)


@contextmanager
def self_healing(lab: Lab, app: Application, every_s: float) -> Iterator[Healer]:
    """Argo CD looks after an application in the background, and syncs what it finds out of sync."""
    healer = Healer(app)
    argo = Argo(lab)

    def look() -> None:
        out = healer.app.out_of_sync(live(lab, healer.app.objects))
        if out:
            healer.healed += out
            argo.sync(healer.app, out)

    with _repeated(look, every_s, healer.failed.append):
        yield healer
    assert healer.failed == []


@contextmanager
def _repeated(what: Callable[[], Any], every_s: float, failed: Callable[[str], None]) -> Iterator[None]:
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(every_s):
            try:
                what()
            except AssertionError as error:  # kubectl's words
                failed(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
