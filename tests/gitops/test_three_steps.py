"""The three steps of the article with our repository in them, as far as a machine without Fleet can go.

Fleet itself is played (see ``fleet.py``); helm, kubectl, the controller and the load tester are the real ones, each
with nothing but what the bundles of examples/fleet give them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from attrs import evolve, field, frozen

from applications.chart_values import ARTICLE
from applications.demo_app import NAME, App
from applications.deployed import arguments, environment, start_controller
from canary_lab.mesh.addresses import through
from delivery.demo import Fleet, with_spec
from delivery.fleet import Bundle, Drift, ref_of
from delivery.history import History, broken, recorded, traffic_meets_pods, weights_of, weights_sum_to_100
from delivery.merging import Obj, patched
from delivery.steps import EXAMPLES, bundles_of, options_of, rendered, sightings
from laboratories.helm import Helm, one
from laboratories.lab import AGENT, Controller, Lab, documents, eventually
from laboratories.load_tester import LoadTester, Programs

pytestmark = pytest.mark.slow

SYSTEM, PLACE = "istio-system", "canary-demo"
ENGINE, TESTER = "flagger", "flagger-loadtester"


@frozen
class Rig:
    """A cluster that has Istio and nothing of ours, and what arrives there."""

    lab: Lab
    helm: Helm
    history: History
    delivered: list[Bundle] = field(factory=list)
    """Every version of every bundle, in order."""

    def deliver(self, *bundles: Bundle) -> None:
        """As Fleet's agent does; its namespaces come with the bundles."""
        for bundle in bundles:
            self._fleet.deliver(bundle)
            self.delivered.append(bundle)

    @property
    def _fleet(self) -> Fleet:
        return Fleet(self.lab, {bundle.name: bundle for bundle in self.delivered})

    @property
    def demo(self) -> Bundle:
        """The application in its first version, with minutes that are seconds."""
        (found,) = bundles_of(EXAMPLES / "3-demo.yaml", self.helm)
        (canary,) = [obj for obj in found.objects if obj["kind"] == "Canary"]
        return with_spec(found, "Canary", analysis={**canary["spec"]["analysis"], "interval": "1s", "threshold": 2})


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Lab(tmp_path, definitions=False) as lab, recorded(lab.cluster) as history:
        yield Rig(lab, Helm(tmp_path / "helm"), history)


def test_the_three_steps_are_played_and_no_bundle_drifts(rig: Rig, tmp_path: Path) -> None:
    rig.deliver(*bundles_of(EXAMPLES / "2-engine.yaml", rig.helm))
    programs = Programs(tmp_path / "programs")
    programs.waits("hey")
    with _load_tester(rig.lab, programs) as tester:
        engine = start_controller(rig.lab, ENGINE, SYSTEM, through(f"http://127.0.0.1:{tester.port}"))
        _played(rig)
        programs.let_go()
    # The load went on all the time, with exactly the command line of the article.
    (hook,) = _canary(rig.demo)["spec"]["analysis"]["webhooks"]
    assert {line[2:] for line in programs.started} == {tuple(hook["metadata"]["cmd"].split()[1:])}
    _reached(rig, hook["url"])
    assert engine.terminate() == 0, engine.text()
    _nothing_was_refused(rig.lab, engine)
    assert list(sightings(rig.history.events, rig.delivered)) == []
    assert broken(rig.history.moments(PLACE), NAME, weights_sum_to_100, traffic_meets_pods) == []
    seen = {weights_of(moment, NAME).get(f"{NAME}-canary") for moment in rig.history.moments(PLACE)}
    assert seen == {None, 0, 10, 20, 30, 40, 50}


def _played(rig: Rig) -> None:
    """A rollout that is promoted, then one that is rolled back."""
    app, prometheus = App(rig.lab, PLACE), rig.lab.prometheus
    rig.deliver(rig.demo)
    app.until("Initialized")
    eventually(lambda: app.replicas() == 0)
    rig.deliver(_with_image(rig.demo, "6.7.1"))
    app.until("Succeeded")
    eventually(lambda: app.replicas() == 0)
    prometheus.success_rate = 50.0
    rig.deliver(_with_image(rig.demo, "6.8.0"))
    app.until("Failed")
    eventually(lambda: app.replicas() == 0)
    assert app.weights() == [100, 0]
    primary = rig.lab.get("deployment", f"{NAME}-primary", PLACE)
    assert primary is not None
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":6.7.1")


def _load_tester(lab: Lab, programs: Programs) -> LoadTester:
    """With the arguments of its Deployment, but at a free port."""
    command, *flags = arguments(lab, TESTER, "loadtester")
    assert command == "loadtester"
    return LoadTester(programs, *flags, "-port=0", environment=environment(lab, TESTER, "loadtester"))


def _reached(rig: Rig, url: str) -> None:
    """Whoever calls an address reaches the pods of the load tester: its Service is there, and has them behind it."""
    address = urlsplit(url)
    name, place = (address.hostname or "").split(".")
    service = rig.lab.get("service", name, place)
    endpoints = rig.lab.get("endpoints", name, place)
    assert service is not None
    assert endpoints is not None
    (port,) = service["spec"]["ports"]
    assert port["port"] == (address.port or 80)
    (subset,) = endpoints["subsets"]
    (pod,) = [rig.lab.get("pod", each["targetRef"]["name"], place) for each in subset["addresses"]]
    assert pod is not None
    (container,) = pod["spec"]["containers"]
    assert container["args"][0] == "loadtester"
    assert f"-port={subset['ports'][0]['port']}" in container["args"]


def _nothing_was_refused(lab: Lab, engine: Controller) -> None:
    asked = list(lab.cluster.requests.matching(agent=AGENT))
    assert asked
    assert [each for each in asked if each.code in {401, 403}] == []
    assert "a mistake of the controller" not in engine.text()


def _canary(bundle: Bundle) -> Obj:
    return one(list(bundle.objects), "Canary")


def _with_image(bundle: Bundle, tag: str) -> Bundle:
    """What a commit that changes the tag makes of it."""
    pods = one(list(bundle.objects), "Deployment")["spec"]["template"]
    (container,) = pods["spec"]["containers"]
    name, _, old = container["image"].rpartition(":")
    assert old != tag
    changed = {**pods, "spec": {"containers": [{**container, "image": f"{name}:{tag}"}]}}
    return with_spec(bundle, "Deployment", template=changed)


def test_the_patches_of_the_article_apply_to_the_deployment_of_the_chart(rig: Rig) -> None:
    """One operation that names what is not there, and Fleet applies none of them."""
    engine, _ = bundles_of(EXAMPLES / "2-engine.yaml", rig.helm)
    (patch,) = engine.patches
    manifest = one(list(engine.objects), "Deployment")
    rig.deliver(engine)
    live = rig.lab.get("deployment", ENGINE, SYSTEM)
    assert live is not None
    for obj in (manifest, live):
        less = patched(obj, patch.operations)
        (container,) = less["spec"]["template"]["spec"]["containers"]
        assert "cpu" not in container["resources"]["limits"]
        assert "volumeMounts" not in container
        assert "volumes" not in less["spec"]["template"]["spec"]
        assert patch(obj) == less


def test_a_hand_that_changes_the_engine_is_seen(rig: Rig) -> None:
    """The comparison of the bundles that come from charts does find what is wrong."""
    bundles = bundles_of(EXAMPLES / "2-engine.yaml", rig.helm)
    rig.deliver(*bundles)
    assert list(sightings(rig.history.events, rig.delivered)) == []
    rig.lab.kubectl("scale", "deployment", ENGINE, "-n", SYSTEM, "--replicas=2")
    rig.lab.kubectl("delete", "service", TESTER, "-n", "loadtester")
    account = one(list(bundles[0].delivered()), "ServiceAccount")
    clone = {**account, "metadata": {**account["metadata"], "name": "copy"}}
    rig.lab.apply(documents(clone))
    found = {(each.drift.state, *each.drift.ref[1:]) for each in sightings(rig.history.events, rig.delivered)}
    assert found == {
        ("modified", "Deployment", SYSTEM, ENGINE),
        ("missing", "Service", "loadtester", TESTER),
        ("extra", "ServiceAccount", SYSTEM, "copy"),
    }


def test_the_values_of_the_example_are_the_articles_and_both_spellings_give_the_same(tmp_path: Path) -> None:
    helm = Helm(tmp_path)
    folder = EXAMPLES / "flagger"
    assert {**options_of(folder)["helm"]["values"], "crd": None} == {
        "crd": None,
        **{key: value for key, value in ARTICLE.items() if key != "crd.create"},
    }
    ours = rendered(folder, helm)
    assert len([obj for obj in ours if obj["kind"] == "CustomResourceDefinition"]) == 3
    assert rendered(folder, helm, ARTICLE) == ours


def test_the_entries_of_the_engine_are_needed_and_no_others(rig: Rig) -> None:
    bundles = bundles_of(EXAMPLES / "2-engine.yaml", rig.helm)
    rig.deliver(*bundles)
    live = {ref_of(event.obj): event.obj for event in rig.history.events}
    without = [evolve(bundle, patches=()).drift(live.values()) for bundle in bundles]
    assert without == [(Drift("modified", ("apps/v1", "Deployment", SYSTEM, ENGINE)),), ()]
    assert [bundle.drift(live.values()) for bundle in bundles] == [(), ()]
