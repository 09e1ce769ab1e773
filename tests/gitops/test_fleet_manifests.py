"""The manifests of examples/fleet fit Fleet's types, each other, the article and the documentation."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.demo import FOLDER, NAME, ROOT
from delivery.documented import GITOPS, blocks
from delivery.fleet import Bundle, compare_patches
from laboratories.lab import CANARY

EXAMPLES = ROOT / "examples" / "fleet"
STEPS = sorted(EXAMPLES.glob("*.yaml"))
BUNDLES = sorted(path.parent for path in EXAMPLES.glob("*/fleet.yaml"))
PLACEHOLDER = "https://git.example.com/you/canary-core"
WORDS = {"op", "path", "value"}
GIT_REPO = {"repo", "branch", "paths", "targets"}
FLEET_YAML = {"defaultNamespace", "namespaceLabels", "helm", "dependsOn", "diff"}
HELM = {"releaseName", "chart", "repo", "version", "values"}
COMPARE_PATCH = {"apiVersion", "kind", "name", "namespace", "operations", "jsonPointers"}


def _objects(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def _options(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "fleet.yaml").read_text(encoding="utf-8"))
    return found


FLEETS = [each for path in STEPS for each in _objects(path)]
GIT_REPOS = {each["metadata"]["name"]: each["spec"] for each in FLEETS if each["kind"] == "GitRepo"}
GROUPS = {each["metadata"]["name"]: each["spec"] for each in FLEETS if each["kind"] == "ClusterGroup"}


def test_the_steps_hold_cluster_groups_and_repositories_and_nothing_else() -> None:
    assert [path.name for path in STEPS] == ["1-monitoring-and-istio.yaml", "2-engine.yaml", "3-demo.yaml"]
    kinds = [(each["apiVersion"], each["kind"], each["metadata"]["namespace"]) for each in FLEETS]
    assert set(kinds) == {("fleet.cattle.io/v1alpha1", kind, "fleet-default") for kind in ("ClusterGroup", "GitRepo")}
    assert set(GROUPS) == {"monitoring", "istio", "canary"}
    assert set(GIT_REPOS) == {"monitoring", "istio", "flagger", "canary-demo-app"}


def test_every_cluster_group_selects_by_a_label_that_the_readme_sets() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"label clusters\S* YOUR-CLUSTER (.*)", readme)
    labels = {f"{key}={value}" for spec in GROUPS.values() for key, value in spec["selector"]["matchLabels"].items()}
    assert labels == set(line.split())


@pytest.mark.parametrize("name", GIT_REPOS)
def test_every_repository_names_a_place_folders_and_groups_that_exist(name: str) -> None:
    spec = GIT_REPOS[name]
    assert set(spec) <= GIT_REPO
    assert spec["repo"].startswith("https://")
    assert spec["branch"]
    assert spec["paths"]
    assert {target["clusterGroup"] for target in spec["targets"]} <= set(GROUPS)
    if spec["repo"] == PLACEHOLDER:
        assert all((ROOT / path / "fleet.yaml").exists() for path in spec["paths"])


def test_one_address_is_to_be_changed_and_the_command_of_the_readme_does_it() -> None:
    own = [name for name, spec in GIT_REPOS.items() if spec["repo"] == PLACEHOLDER]
    assert own == ["flagger", "canary-demo-app"]
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    ((script, files),) = re.findall(r"sed -i '(s\|.*\|)' (.*)", readme)
    _, old, new, _ = script.split("|")
    assert old == PLACEHOLDER
    named = {path for pattern in files.split() for path in ROOT.glob(pattern)}
    changed = [path.read_text(encoding="utf-8").replace(old, new) for path in sorted(named)]
    assert sum(text.count(new) for text in changed) == 5
    assert all("git.example.com" not in text for text in changed)
    others = set(EXAMPLES.rglob("*.yaml")) - named
    assert [path.name for path in others if PLACEHOLDER in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_every_bundle_has_options_that_fleet_knows(folder: Path) -> None:
    options = _options(folder)
    assert set(options) <= FLEET_YAML
    assert options["defaultNamespace"]
    assert set(options["helm"]) <= HELM
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?", options["helm"]["releaseName"])
    assert folder.relative_to(ROOT).as_posix() in [path for spec in GIT_REPOS.values() for path in spec["paths"]]
    for patch in (options.get("diff") or {}).get("comparePatches") or ():
        assert set(patch) <= COMPARE_PATCH
        assert {"apiVersion", "kind", "name", "namespace"} <= set(patch)
        assert all(set(each) <= WORDS and each["op"] == "remove" for each in patch.get("operations") or ())
        assert patch.get("operations") or patch.get("jsonPointers")


def test_the_engine_is_the_articles() -> None:
    options = _options(EXAMPLES / "flagger")
    assert (options["defaultNamespace"], options["helm"]["releaseName"]) == ("istio-system", "flagger")
    assert options["helm"]["values"] == {
        "crd": {"create": True},
        "meshProvider": "istio",
        "metricsServer": "http://rancher-monitoring-prometheus.cattle-monitoring-system:9090",
        "includeLabelPrefix": "dummy",
    }
    (patch,) = compare_patches(options)
    assert patch.ref == ("apps/v1", "Deployment", "istio-system", "flagger")
    assert [each["path"] for each in patch.operations] == [
        "/spec/template/spec/containers/0/resources/limits/cpu",
        "/spec/template/spec/containers/0/volumeMounts",
        "/spec/template/spec/volumes",
    ]


@pytest.mark.parametrize(("folder", "chart"), [("flagger", "canary"), ("flagger-loadtest", "loadtester")])
def test_charts_are_those_of_this_repository(folder: str, chart: str) -> None:
    branch = GIT_REPOS["flagger"]["branch"]
    assert _options(EXAMPLES / folder)["helm"]["chart"] == f"git::{PLACEHOLDER}//charts/{chart}?ref={branch}"


def test_the_load_tester_is_where_the_canary_calls_it() -> None:
    options = _options(EXAMPLES / "flagger-loadtest")
    (hook,) = _objects(FOLDER / "canary.yaml")[0]["spec"]["analysis"]["webhooks"]
    assert hook["url"] == f"http://{options['helm']['releaseName']}.{options['defaultNamespace']}/"


def test_the_demo_waits_for_the_bundle_that_brings_the_definitions() -> None:
    """Fleet names bundles after the repository and the folder."""
    (needed,) = _options(FOLDER)["dependsOn"]
    folder = (EXAMPLES / "flagger").relative_to(ROOT).as_posix().replace("/", "-")
    assert needed["name"] == f"flagger-{folder}"


def test_the_objects_of_the_demo_refer_to_each_other() -> None:
    objects = {each["kind"]: each for each in Bundle.read(FOLDER, "demo").objects}
    assert set(objects) == {"Deployment", "Service", "Ingress", "Canary"}
    names = {(each["metadata"]["name"], each["metadata"]["namespace"]) for each in objects.values()}
    assert names == {(NAME, "canary-demo")}
    assert _options(FOLDER)["defaultNamespace"] == "canary-demo"
    pods = objects["Deployment"]["spec"]["template"]
    labels = objects["Deployment"]["spec"]["selector"]["matchLabels"]
    assert labels == pods["metadata"]["labels"] == {"app": NAME}
    service = objects["Service"]["spec"]
    assert service["selector"] == {"app": f"{NAME}-primary"}
    (port,) = service["ports"]
    container = {each["containerPort"] for each in pods["spec"]["containers"][0]["ports"]}
    assert ({port["targetPort"]}, port["port"]) == (container, objects["Canary"]["spec"]["service"]["port"])
    backend = objects["Ingress"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": NAME, "port": {"number": port["port"]}}
    assert "replicas" not in objects["Deployment"]["spec"]


def test_the_canary_is_the_articles_and_valid() -> None:
    article = ROOT / "examples" / "article" / "canary.yaml"
    assert (FOLDER / "canary.yaml").read_text(encoding="utf-8") == article.read_text(encoding="utf-8")
    done = subprocess.run([CANARY, "validate", FOLDER / "canary.yaml"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_of_the_documentation_is_that_of_the_demo() -> None:
    assert blocks(GITOPS)["Service"] == _objects(FOLDER / "service.yaml")[0]


def test_every_manifest_of_the_documentation_is_used_by_a_test() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py")))
    titles = blocks(GITOPS)
    of_the_engine = {"Application of the engine", "HelmRelease"}
    assert set(titles) == {"Service", "fleet.yaml", "Application", "ignoreDifferences", "Kustomization", *of_the_engine}
    assert [title for title in titles if f'["{title}"]' not in sources] == []
