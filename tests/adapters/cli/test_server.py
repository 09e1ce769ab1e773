"""``canary validate --server``: what an API server would make of it, from a shell or a pipeline."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import config
from kubernetes.client import Configuration

from applications.declared import a_canary, a_deployment, a_namespace, install_definitions, raw_canary
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, SERVICES, Obj
from canary_lab.cluster import EmbeddedCluster
from laboratories.forked import run
from laboratories.istio_kinds import published

pytestmark = pytest.mark.slow

TOO_LONG = "must not be longer than 15s"
OLD = "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster with definitions of Istio of which a timeout may not be long."""
    with EmbeddedCluster() as cluster:
        yield cluster.kubeconfig(tmp_path_factory.mktemp("server") / "kubeconfig")


@pytest.fixture(scope="module")
def cluster(kubeconfig: Path) -> Iterator[Cluster]:
    found = Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=found)
    api = Api(found)
    definitions = published()
    version = definitions["VirtualService"]["spec"]["versions"][0]  # the schema of both
    http = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["http"]["items"]["properties"]
    rule = {"rule": "duration(self) <= duration('15s')", "message": TOO_LONG}
    http["timeout"]["x-kubernetes-validations"].append(rule)
    install_definitions(api, definitions.values())
    yield Cluster(api)
    api.close()


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    found = a_namespace(cluster.api)
    cluster.create(DEPLOYMENTS, found, a_deployment())
    return found


def validate(*arguments: str, of: Obj, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, standard output, standard error, for a Canary on the standard input."""
    program = shutil.which("canary", path=str(Path(sys.executable).parent))
    assert program is not None
    known = os.environ if environment is None else environment
    done = run([program, "validate", *arguments, "-"], stdin=yaml.safe_dump(of), env=known)
    assert "Traceback" not in done.stderr + done.stdout
    return done.returncode, done.stdout, done.stderr


def stored(cluster: Cluster, namespace: str) -> list[Obj]:
    kinds = (CANARIES, SERVICES, VIRTUAL_SERVICES, DESTINATION_RULES)
    return [each for kind in kinds for each in cluster.list(kind, namespace)]


def test_what_would_be_taken_is_good_and_nothing_is_stored(cluster: Cluster, namespace: str, kubeconfig: Path) -> None:
    code, out, err = validate("--server", "--kubeconfig", str(kubeconfig), of=raw_canary(namespace))
    assert (code, err) == (0, "")
    assert out.startswith(f"{namespace}/app: 10 % every minute")
    assert stored(cluster, namespace) == []


def test_what_would_be_refused_is_a_mistake_of_the_canary(cluster: Cluster, namespace: str, kubeconfig: Path) -> None:
    bad = raw_canary(namespace, service={"port": 80, "timeout": "1h"})
    assert validate(of=bad)[0] == 0
    code, out, err = validate("--server", "--kubeconfig", str(kubeconfig), of=bad)
    assert (code, out) == (2, "")
    assert f"Canary {namespace}/app" in err
    assert f"virtualservice app.{namespace} would be refused for the split 100/0" in err
    assert TOO_LONG in err
    assert stored(cluster, namespace) == []


def test_programs_read_it_as_json(namespace: str, kubeconfig: Path) -> None:
    bad = raw_canary(namespace, service={"port": 80, "timeout": "1h"})
    code, out, _ = validate("--server", "--json", "--kubeconfig", str(kubeconfig), of=bad)
    (mistake,) = json.loads(out)["mistakes"]
    assert (code, mistake["kind"]) == (2, "Canary")
    assert TOO_LONG in mistake["allowed"]


def test_a_canary_that_exists_is_rehearsed_over_what_there_is(
    cluster: Cluster, namespace: str, kubeconfig: Path
) -> None:
    canary = a_canary(cluster.api, namespace)
    owner: Obj = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "name": "app",
        "uid": canary.metadata.uid,
        "controller": True,
    }
    spec: Obj = {"host": "app-canary"}
    cluster.create(
        DESTINATION_RULES, namespace, {"metadata": {"name": "app-canary", "ownerReferences": [owner]}, "spec": spec}
    )
    code, _, err = validate("--server", "--kubeconfig", str(kubeconfig), of=raw_canary(namespace))
    assert (code, err) == (0, "")


def test_what_is_in_the_way_is_named(cluster: Cluster, namespace: str, kubeconfig: Path) -> None:
    """Another VirtualService for the same host comes first, so that ours would have no effect."""
    spec: Obj = {"hosts": ["app"], "http": [{"route": [{"destination": {"host": "elsewhere"}}]}]}
    cluster.create(VIRTUAL_SERVICES, namespace, {"metadata": {"name": "theirs"}, "spec": spec})
    code, _, err = validate("--server", "--kubeconfig", str(kubeconfig), of=raw_canary(namespace))
    assert code == 2
    assert f"virtualservice theirs.{namespace} comes before app" in err


def test_the_namespace_of_the_context_is_that_of_who_names_none(
    cluster: Cluster, namespace: str, kubeconfig: Path, tmp_path: Path
) -> None:
    written: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
    (context,) = written["contexts"]
    other = {"name": "other", "context": {**context["context"], "namespace": namespace}}
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump({**written, "contexts": [context, other]}))
    bad = raw_canary(namespace, service={"port": 80, "timeout": "1h"})
    del bad["metadata"]["namespace"]
    err = validate("--server", "--kubeconfig", str(path), "--context", "other", of=bad)[2]
    assert f"virtualservice app.{namespace} would be refused" in err
    code, _, err = validate("--server", "--kubeconfig", str(path), "--context", "none", of=bad)
    assert code == 2
    assert "none" in err


def test_a_server_that_does_not_answer_is_said_so(kubeconfig: Path, tmp_path: Path) -> None:
    written: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
    written["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(written))
    code, out, err = validate("--server", "--kubeconfig", str(path), of=raw_canary("default"))
    assert (code, out) == (2, "")
    assert "--server" in err


def test_flags_of_a_server_need_one(kubeconfig: Path) -> None:
    code, _, err = validate("--kubeconfig", str(kubeconfig), of=raw_canary("default"))
    assert code == 2
    assert "--server" in err
