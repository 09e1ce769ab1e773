"""The steps of examples/fleet as Fleet would carry them out: repositories, bundles, charts rendered by a real helm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import frozen

from canary_lab.cluster import Event
from delivery.demo import ROOT
from delivery.fleet import Bundle, Drift, Ref, compare_patches, ref_of
from delivery.merging import Obj
from laboratories.helm import Helm

EXAMPLES: Final = ROOT / "examples" / "fleet"


def bundles_of(step: Path, helm: Helm) -> list[Bundle]:
    """What the repositories of a step become, in the order in which they stand there."""
    repositories = [each for each in yaml.safe_load_all(step.read_text(encoding="utf-8")) if each["kind"] == "GitRepo"]
    return [
        _bundle(ROOT / path, f"{each['metadata']['name']}-{path.replace('/', '-')}", helm)
        for each in repositories
        for path in each["spec"]["paths"]
    ]


def options_of(folder: Path) -> dict[str, Any]:
    """The ``fleet.yaml`` of a folder."""
    found: dict[str, Any] = yaml.safe_load((folder / "fleet.yaml").read_text(encoding="utf-8"))
    return found


def rendered(folder: Path, helm: Helm, values: dict[str, Any] | None = None) -> list[Obj]:
    """The chart that a folder names, with these values in the place of its own, if some are given."""
    options = options_of(folder)
    release = options["helm"]
    # git::https://SERVER/REPOSITORY//charts/NAME?ref=BRANCH: this checkout stands for the repository
    chart = ROOT / release["chart"].rpartition("//")[2].partition("?")[0]
    chosen = release.get("values") if values is None else values
    return helm.render(chart, chosen, release=release["releaseName"], namespace=options["defaultNamespace"])


def _bundle(folder: Path, name: str, helm: Helm) -> Bundle:
    options = options_of(folder)
    if "chart" in options["helm"]:
        return Bundle(name, tuple(rendered(folder, helm)), compare_patches(options))
    return Bundle.read(folder, name)


@frozen
class Sighting:
    """A drift, and the write after which it was there."""

    bundle: str
    drift: Drift
    after: str


def sightings(events: list[Event], versions: list[Bundle]) -> Iterator[Sighting]:
    """All drift of all bundles right after any write in the cluster, from when their objects were all there.

    Args:
        events: Every write.
        versions: What was delivered, in this order: a later bundle of a name takes the place of the earlier one with
            the first write after which nothing of it is missing and nothing of it differs.
    """
    live: dict[Ref, Obj] = {}
    waiting = list(versions)
    current: dict[str, Bundle] = {}
    for event in events:
        ref = ref_of(event.obj)
        if event.type == "DELETED":
            live.pop(ref, None)
        else:
            live[ref] = event.obj
        if waiting and not waiting[0].drift(live.values()):
            new = waiting.pop(0)
            current[new.name] = new
        for bundle in current.values():
            for drift in bundle.drift(live.values()):
                yield Sighting(bundle.name, drift, f"{event.type} {event.store} {event.key}")
    assert not waiting, [bundle.name for bundle in waiting]
