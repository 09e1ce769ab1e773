"""What serves canaries says what it needs; the controller knows no kind of object that belongs to one router."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from applications.declared import canary_of, raw_canary
from canary_adapters.controller.measuring import metric_source
from canary_adapters.controller.options import Options
from canary_adapters.controller.registry import CONFIGS, Registry
from canary_adapters.extensions import Given
from canary_adapters.istio import IstioExtension
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.manifests import Canary, check_sources, policy_of, read_object
from canary_core import MetricQuestion, Sample
from canary_ports import RefusedError

ROOT = Path(__file__).resolve().parents[3]
OF_ISTIO = {VIRTUAL_SERVICES, DESTINATION_RULES}

# A distribution as somebody else would install it.
MODULE = """
from canary_adapters.extensions import Extension, Right
from canary_adapters.kubernetes.resources import Resource
from canary_core import Sample, SourcesOnline

LANES = Resource(group="lanes.example.com", version="v1", plural="lanes", kind="Lane")

class Lane:
    def __init__(self): self.traffic = None
    def read(self): return self.traffic
    def ensure(self, traffic): self.traffic = traffic
    def release(self): self.traffic = None

class Lanes(Extension):
    rights = (Right(LANES, ("list", "watch", "update")),)
    def refs(self, canary): return [(LANES, canary.namespace, canary.name)]
    def make(self, given): return Lane()

class Station:
    def measure(self, question): return Sample(value=7.0)
    def online(self): return SourcesOnline()

class Stations(Extension):
    def make(self, given): return Station()
"""
POINTS = """
[canary.routers]
traefik = somebodys_lanes:Lanes
istio = somebodys_lanes:Lanes
[canary.metrics]
graphite = somebodys_lanes:Stations
"""


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The registry where somebody has added a router, a metric source, and one by the name of ours."""
    (tmp_path / "somebodys_lanes.py").write_text(MODULE)
    information = tmp_path / "aa_somebodys_lanes-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: aa-somebodys-lanes\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    return Registry.load()


def _canary(**spec: Any) -> Canary:
    return canary_of(raw_canary("here", **spec))


def _rules() -> set[tuple[str, str, str]]:
    objects = yaml.safe_load_all((ROOT / "examples" / "controller" / "rbac.yaml").read_text())
    role = next(obj for obj in objects if obj["kind"] == "ClusterRole")
    every = (product(rule["apiGroups"], rule["resources"], rule["verbs"]) for rule in role["rules"])
    return {right for rights in every for right in rights}


def test_the_role_grants_what_extensions_and_controller_say_they_need() -> None:
    needed = {
        (right.resource.group, "/".join(filter(None, (right.resource.plural, right.subresource))), verb)
        for right in Registry.load().rights()
        for verb in right.verbs
    }
    assert needed == _rules()


def test_the_controller_names_no_kind_of_one_router() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "adapters" / "canary_adapters" / "controller").glob("*.py")
    )
    words = ("istio import", "VIRTUAL_SERVICES", "DESTINATION_RULES", "IstioRouter")
    assert [word for word in words if word in sources] == []


def test_a_canary_depends_on_what_its_own_router_writes() -> None:
    registry = Registry.load()
    by_istio = {ref[0] for ref in registry.refs(_canary(), mesh_provider="istio")}
    by_services = {ref[0] for ref in registry.refs(_canary(provider="kubernetes"), mesh_provider="istio")}
    assert by_istio - by_services == OF_ISTIO
    assert {ref[1] for ref in registry.refs(_canary(), mesh_provider="istio")} == {"here"}


def test_configuration_is_watched_only_where_it_is_tracked() -> None:
    registry = Registry.load()
    assert set(registry.watched()) - set(registry.watched(tracks=False)) == set(CONFIGS)


def test_what_somebody_adds_is_watched_and_found(others: Registry) -> None:
    lanes = others.routers["traefik"]
    (right,) = lanes.rights
    assert right.resource in others.watched()
    refs = set(others.refs(_canary(provider="traefik"), mesh_provider="istio"))
    assert (right.resource, "here", "app") in refs
    assert not OF_ISTIO & {ref[0] for ref in refs}


def test_nobody_takes_the_place_of_one_of_ours(others: Registry) -> None:
    assert isinstance(others.router("istio"), IstioExtension)


def test_an_unknown_provider_is_refused_with_those_that_there_are(others: Registry) -> None:
    with pytest.raises(RefusedError) as refused:
        others.router("nginx")
    assert refused.value.reason == "ProviderUnknown"
    assert refused.value.message.endswith("nginx is not supported: it must be one of istio, kubernetes, traefik")


class _References:
    """Every template is called after its source."""

    def secret(self, namespace: str, name: str) -> None:
        return None

    def template(self, namespace: str, name: str) -> Any:
        obj = {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "MetricTemplate",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"provider": {"type": name, "address": "http://127.0.0.1:1"}, "query": "1"},
        }
        return read_object(obj).metric_templates[0]


def test_a_check_is_asked_of_the_source_that_its_template_names(others: Registry) -> None:
    metrics = [
        {"name": "of the station", "templateRef": {"name": "graphite"}, "thresholdRange": {"max": 1}},
        {"name": "of nobody", "templateRef": {"name": "datadog"}, "thresholdRange": {"max": 1}},
    ]
    canary = _canary(analysis={"interval": "1m", "threshold": 1, "stepWeight": 10, "metrics": metrics})
    nothing: Any = None
    given = Given(
        cluster=nothing,
        canary=canary,
        policy=policy_of(canary),
        names=nothing,
        options=Options(),
        references=_References(),  # type: ignore[arg-type]
        http=nothing,
        background=nothing,
    )
    source = metric_source(given, others.metrics)
    first, second = (MetricQuestion(check=each.id) for each in check_sources(canary))
    assert source.measure(first) == Sample(value=7.0)
    with pytest.raises(RefusedError, match="provider datadog is not supported"):
        source.measure(second)
