"""What the page has Argo CD and Flux install is a chart of ours, with values that it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from delivery.documented import GITOPS, ROOT, blocks
from laboratories.helm import Helm, Obj, container, kinds, one

PAGE = blocks(GITOPS)


def _of_argo(application: dict[str, Any]) -> tuple[str, str, str, Obj]:
    source, spec = application["spec"]["source"], application["spec"]
    options = source["helm"]
    return source["path"], options["releaseName"], spec["destination"]["namespace"], options["valuesObject"]


def _of_flux(release: dict[str, Any]) -> tuple[str, str, str, Obj]:
    spec = release["spec"]
    return spec["chart"]["spec"]["chart"], spec["releaseName"], release["metadata"]["namespace"], spec["values"]


@pytest.mark.parametrize(
    "told",
    [_of_argo(PAGE["Application of the engine"]), _of_flux(PAGE["HelmRelease"])],
    ids=["Argo CD", "Flux"],
)
def test_the_engine_is_installed_as_the_page_says(told: tuple[str, str, str, Obj], tmp_path: Path) -> None:
    path, release, namespace, values = told
    objects = Helm(tmp_path).render(ROOT / path, values, release=release, namespace=namespace)
    metadata = one(objects, "Deployment")["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("canary", "canary-system")
    assert f"-metrics-server={values['metricsServer']}" in container(objects)["args"]
    assert kinds(objects).count("CustomResourceDefinition") == 3


def test_what_the_page_says_of_the_load_tester_gives_the_address_of_manifests(tmp_path: Path) -> None:
    text = GITOPS.read_text(encoding="utf-8").replace("\n", " ")
    assert "from `charts/loadtester`; call its release `flagger-loadtester` and its namespace `loadtester`" in text
    chart = ROOT / "charts" / "loadtester"
    service = one(Helm(tmp_path).render(chart, release="flagger-loadtester", namespace="loadtester"), "Service")
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == ("flagger-loadtester", "loadtester")
