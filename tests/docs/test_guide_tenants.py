"""The page for platform teams: typed line by line with a real helm; its roles give what it says, and no more."""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import generate_guide
from canary_adapters.background import Background
from canary_adapters.controller.asking import PER_WORKER
from canary_adapters.loadtester.gates import MOST_OPEN
from canary_adapters.loadtester.options import Options
from canary_adapters.loadtester.process import MOST_OUTPUT
from canary_adapters.shares import Shares
from documents.pages import GUIDE, ROOT, lines, manifests
from documents.terminal import Terminal
from laboratories.helm import CONTROLLER, LOADTESTER, Helm, container
from laboratories.lab import Lab
from laboratories.load_tester import LoadTester, Programs, fingerprints

PAGE = GUIDE / "tenants.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = [
    document
    for path in sorted((ROOT / "examples" / "tenants").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]


def test_manifests_are_those_of_the_examples() -> None:
    shown = manifests(PAGE)
    assert len(shown) == 4
    assert [title for title, manifest in shown.items() if manifest not in EXAMPLES] == []


def test_roles_have_no_wildcard_and_do_not_write_what_is_the_controllers() -> None:
    rules = [rule for found in EXAMPLES for rule in found.get("rules", ())]
    assert len(rules) > 5
    for rule in rules:
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not {"canaries/status", "secrets", "canaries/finalizers"} & set(rule["resources"])


# -- A cluster, typed into ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cluster without our definitions."""
    with Lab(tmp_path_factory.mktemp("tenants"), definitions=False) as found:
        yield found


@pytest.fixture(scope="module")
def terminal(lab: Lab) -> Terminal:
    """Where the page has been typed, but for the gate."""
    homes = {f"HELM_{part}_HOME": str(lab.folder / part.lower()) for part in ("CACHE", "CONFIG", "DATA")}
    found = Terminal({}, KUBECONFIG=str(lab.kubeconfig), **homes)
    assert found.follow(line for line in lines(PAGE) if "$LOADTESTER" not in line.typed) == []
    return found


def _secret(terminal: Terminal, namespace: str) -> dict[str, str]:
    text = terminal.type(f"kubectl -n {namespace} get secret flagger-loadtester-gates -o json")
    return {key: base64.b64decode(value).decode() for key, value in json.loads(text)["data"].items()}


@pytest.mark.slow
def test_what_is_typed_installs_all_of_it(terminal: Terminal) -> None:
    policies = terminal.type("kubectl get networkpolicies --all-namespaces -o name").split()
    assert sorted(each.rpartition("/")[2] for each in policies) == [
        "canary",
        "flagger-loadtester",
        "flagger-loadtester",
    ]
    assert set(_secret(terminal, "loadtester")) == {"token", "token-team-a", "token-team-b", "fingerprints"}
    args = terminal.type("kubectl -n team-a get deployment flagger-loadtester -o yaml")
    assert "-namespace-regexp=^team-a$" in args


@pytest.mark.slow
def test_the_gate_of_the_page_is_opened_and_no_other(terminal: Terminal, tmp_path: Path) -> None:
    (line,) = (line for line in lines(PAGE) if "$LOADTESTER" in line.typed)
    file = fingerprints(tmp_path, _secret(terminal, "loadtester")["fingerprints"])
    with LoadTester(Programs(tmp_path / "programs"), f"-gate-token-file={file}") as running:
        typed = f"export LOADTESTER=http://127.0.0.1:{running.port}; {line.typed}"
        terminal.type(typed)
        assert running.post("/gate/check", {"name": "web", "namespace": "team-a"}).status_code == 200
        with pytest.raises(AssertionError):
            terminal.type(typed.replace('"namespace":"team-a"', '"namespace":"team-b"'))
        assert running.post("/gate/check", {"name": "web", "namespace": "team-b"}).status_code == 403


RIGHTS = {
    "team-a": {
        "create canaries",
        "patch canaries",
        "delete canaries",
        "get canaries",
        "get metrictemplates",
        "get alertproviders",
    },
    "team-a-leads": {
        *(
            f"{verb} {kind}"
            for verb in ("create", "patch", "delete", "get")
            for kind in ("metrictemplates", "alertproviders")
        ),
    },
    "platform": {"get canaries", "patch canaries", "get metrictemplates", "get alertproviders"},
}
KINDS = {
    "canaries": ("flagger.app", "canaries", ""),
    "status": ("flagger.app", "canaries", "status"),
    "metrictemplates": ("flagger.app", "metrictemplates", ""),
    "alertproviders": ("flagger.app", "alertproviders", ""),
    "secrets": ("", "secrets", ""),
}


def _may(lab: Lab, group: str, verb: str, kind: str, namespace: str) -> bool:
    api, resource, subresource = KINDS[kind]
    asked = {"namespace": namespace, "verb": verb, "group": api, "resource": resource, "subresource": subresource}
    review: dict[str, Any] = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": "ann", "groups": [group], "resourceAttributes": asked},
    }
    answer = lab.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(review))
    allowed: bool = json.loads(answer)["status"]["allowed"]
    return allowed


@pytest.mark.slow
@pytest.mark.parametrize("group", RIGHTS)
def test_roles_give_what_the_page_says_and_no_more(terminal: Terminal, lab: Lab, group: str) -> None:
    asked = [(verb, kind) for verb in ("get", "create", "patch", "delete") for kind in KINDS]
    here = {f"{verb} {kind}" for verb, kind in asked if _may(lab, group, verb, kind, "team-a")}
    elsewhere = {f"{verb} {kind}" for verb, kind in asked if _may(lab, group, verb, kind, "team-b")}
    assert here == RIGHTS[group]
    assert elsewhere == (RIGHTS[group] if group == "platform" else set())


# -- What is said of numbers and of charts --------------------------------------------------------------------------


def test_bounds_are_those_of_the_code() -> None:
    table = TEXT.split("| shared by namespaces |")[1].split("\n\n")[0]
    shown = [int(number) for number in re.findall(r"^\| [^|]* \| (\d+)", table, flags=re.MULTILINE)]
    (workers,) = (each.default for each in generate_guide.command("controller").params if each.name == "threadiness")
    senders = inspect.signature(Background).parameters["workers"].default
    assert f"{PER_WORKER} for each of the {workers} workers" in table
    assert shown == [PER_WORKER * workers, senders, Options().most_running, Options().most_waiting, MOST_OPEN]
    assert Options().timeout_s == 3600.0
    assert MOST_OUTPUT == 64 * 1024
    alone, two = Shares(90), Shares(90)
    while alone.free("a"):
        alone.take("a")
    for _ in range(90):
        for namespace in "ab":
            if two.free(namespace):
                two.take(namespace)
    assert (alone.taken, two.held) == (45, {"a": 30, "b": 30})


@pytest.mark.slow
def test_what_tenants_sets_is_what_the_charts_render(tmp_path: Path) -> None:
    table = TEXT.split("`tenants` sets:")[1].split("\nThe network plugin")[0]
    helm, named = Helm(tmp_path), set(re.findall(r"`(-[a-z-]+)`", table))
    args = [
        *container(helm.render(CONTROLLER, {"tenants": True}))["args"],
        *container(helm.render(LOADTESTER, {"tenants": True}))["args"],
    ]
    assert len(named) == 3
    assert {flag for flag in named if not any(arg.partition("=")[0] == flag for arg in args)} == set()
