"""The embedded cluster as a thing to use in tests: its log, its faults, its speed, its rights, its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from kubernetes import client, config

from canary_lab.cluster import EmbeddedCluster, Event, Info, Next, Timing


def call(cluster: EmbeddedCluster, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """One request; the code and the JSON of the answer."""
    data = None if body is None else json.dumps(body).encode()
    names = {k.replace("_", "-"): v for k, v in headers.items()}
    content = {} if "Content-Type" in names else {"Content-Type": "application/json"}
    request = urllib.request.Request(cluster.url + path, data, {**content, **names}, method=method)  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as e:
        with e:
            return e.code, json.loads(e.read())


def test_requests_are_counted_by_who_asked_what(embedded: EmbeddedCluster) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    call(embedded, "POST", path, {"metadata": {"name": "a"}}, User_Agent="controller/1.0")
    for _ in range(2):
        call(embedded, "GET", f"{path}/a", User_Agent="controller/1.0")
    call(embedded, "GET", f"{path}/none", User_Agent="someone/1.0")
    log = embedded.requests
    assert log.by_verb(agent="controller") == {("create", "configmaps"): 1, ("get", "configmaps"): 2}
    assert [(e.name, e.code, e.user) for e in log.matching(agent="someone")] == [("none", 404, "admin")]
    assert log.count(verb="get", resource="configmaps", namespace="default", name="a") == 2
    log.clear()
    assert len(log) == 0


def test_a_middleware_can_break_requests(embedded: EmbeddedCluster) -> None:
    async def no_writes(_request: web.BaseRequest, info: Info, after: Next) -> web.StreamResponse:
        if info.verb == "create":
            return web.json_response({"kind": "Status", "code": 503}, status=503)
        return await after()

    embedded.middlewares.append(no_writes)
    assert call(embedded, "POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "a"}})[0] == 503
    assert call(embedded, "GET", "/api/v1/namespaces/default/secrets")[0] == 200
    embedded.middlewares.clear()
    assert call(embedded, "POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "a"}})[0] == 201


def test_tokens_have_the_rights_of_their_roles(embedded: EmbeddedCluster) -> None:
    call(embedded, "POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "bot"}})
    _, issued = call(embedded, "POST", "/api/v1/namespaces/default/serviceaccounts/bot/token", {"spec": {}})
    bearer = {"Authorization": f"Bearer {issued['status']['token']}"}
    pods = "/api/v1/namespaces/default/pods"
    assert call(embedded, "GET", pods, **bearer)[0] == 403
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subject = {"kind": "ServiceAccount", "name": "bot", "namespace": "default"}
    binding = {"metadata": {"name": "v"}, "roleRef": role, "subjects": [subject]}
    call(embedded, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", binding)
    assert call(embedded, "GET", pods, **bearer)[0] == 200
    assert call(embedded, "DELETE", pods, **bearer)[0] == 403
    assert call(embedded, "GET", pods, Authorization="Bearer nonsense")[0] == 401


def test_a_rollout_of_recreate_stops_the_old_pods_first(embedded: EmbeddedCluster) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments"
    labels = {"app": "web"}

    def body(image: str) -> dict[str, Any]:
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}}
        spec = {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": template,
            "strategy": {"type": "Recreate"},
        }
        return {"metadata": {"name": "web"}, "spec": spec}

    most = []

    def ready(image: str) -> bool:
        _, pods = call(embedded, "GET", "/api/v1/namespaces/default/pods")
        images = [p["spec"]["containers"][0]["image"] for p in pods["items"]]
        most.append(set(images))
        _, found = call(embedded, "GET", f"{path}/web")
        status = found["status"]
        return images == [image] * 2 and status.get("availableReplicas") == status.get("updatedReplicas") == 2

    call(embedded, "POST", path, body("i:1"))
    _until(lambda: ready("i:1"))
    call(embedded, "PUT", f"{path}/web", body("i:2"))
    _until(lambda: ready("i:2"))
    assert all(len(images) <= 1 for images in most)


def _until(holds: Any) -> None:
    stop = threading.Event()
    for _ in range(500):
        if holds():
            return
        stop.wait(0.02)
    pytest.fail("it never came to that")


def test_a_watch_ends_with_the_cluster() -> None:
    cluster = EmbeddedCluster().start()
    with urllib.request.urlopen(f"{cluster.url}/api/v1/secrets?watch=1&resourceVersion=0") as stream:  # noqa: S310
        cluster.stop()
        assert stream.read() == b""
    cluster.stop()  # twice is once


def test_history_can_be_forgotten_and_watches_ended(embedded: EmbeddedCluster) -> None:
    secrets = "/api/v1/namespaces/default/secrets"
    _, made = call(embedded, "POST", secrets, {"metadata": {"name": "a"}})
    then = made["metadata"]["resourceVersion"]
    call(embedded, "POST", secrets, {"metadata": {"name": "b"}})
    with urllib.request.urlopen(f"{embedded.url}{secrets}?watch=1&resourceVersion={then}") as stream:  # noqa: S310
        assert json.loads(stream.readline())["object"]["metadata"]["name"] == "b"
        embedded.end_watches()
        assert stream.read() == b""
    embedded.forget_history()
    _, event = call(embedded, "GET", f"{secrets}?watch=1&resourceVersion={then}")
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert call(embedded, "GET", secrets)[0] == 200


def test_a_port_that_is_taken_is_an_error(embedded: EmbeddedCluster) -> None:
    port = int(embedded.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address"):
        EmbeddedCluster(port=port).start()


def test_how_fast_pods_start_is_a_setting() -> None:
    with EmbeddedCluster(timing=Timing(start=3600)) as cluster:
        pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "app", "image": "i:1"}]}}
        path = "/api/v1/namespaces/default/pods"
        call(cluster, "POST", path, pod)
        _until(lambda: "podIP" in call(cluster, "GET", f"{path}/p")[1]["status"])
        assert call(cluster, "GET", f"{path}/p")[1]["status"]["phase"] == "Pending"


def test_the_command_writes_a_kubeconfig_and_ends_on_a_signal(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    code = "import typer; from canary_lab.cli.cluster import cluster; typer.run(cluster)"
    command = [sys.executable, "-c", code, "--kubeconfig", str(kubeconfig)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"export KUBECONFIG={kubeconfig}\n"
        server = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        with urllib.request.urlopen(f"{server}/readyz") as answer:  # noqa: S310
            assert answer.read() == b"ok"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_command_says_what_is_wrong_with_its_options(tmp_path: Path, embedded: EmbeddedCluster) -> None:
    code = "import typer; from canary_lab.cli.cluster import cluster; typer.run(cluster)"
    port = embedded.url.rpartition(":")[2]
    missing = tmp_path / "none" / "kubeconfig"
    for options in (["--port", port], ["--kubeconfig", str(missing)]):
        done = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert options[0] in done.stderr
        assert "Traceback" not in done.stderr


def test_an_autoscaler_keeps_its_target_within_bounds() -> None:
    with EmbeddedCluster(timing=Timing(start=0.02, stop=0.02, autoscaler=0.05)) as cluster:
        labels = {"app": "web"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "i:1"}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        path = "/apis/apps/v1/namespaces/default/deployments"
        call(cluster, "POST", path, {"metadata": {"name": "web"}, "spec": spec})
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        scaler = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 4}}
        scalers = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
        call(cluster, "POST", scalers, scaler)
        _until(lambda: call(cluster, "GET", f"{scalers}/web")[1]["status"].get("currentReplicas") == 2)
        assert call(cluster, "GET", f"{path}/web")[1]["spec"]["replicas"] == 2
        merge = {"Content_Type": "application/merge-patch+json"}
        call(cluster, "PATCH", f"{path}/web", {"spec": {"replicas": 0}}, **merge)
        _until(lambda: call(cluster, "GET", f"{scalers}/web")[1]["status"].get("currentReplicas", 0) == 0)
        assert call(cluster, "GET", f"{path}/web")[1]["spec"]["replicas"] == 0


def test_a_kubeconfig_can_be_that_of_a_service_account(embedded: EmbeddedCluster, tmp_path: Path) -> None:
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    _until(lambda: call(embedded, "GET", f"{accounts}/default")[0] == 200)
    _, issued = call(embedded, "POST", f"{accounts}/default/token", {"spec": {"expirationSeconds": 600}})
    written = embedded.kubeconfig(tmp_path / "kubeconfig", token=issued["status"]["token"])
    connect: Any = config.new_client_from_config
    with connect(str(written)) as api:
        review: Any = client.AuthenticationV1Api(api).create_self_subject_review(client.V1SelfSubjectReview())
        assert review.status.user_info.username == "system:serviceaccount:default:default"
        with pytest.raises(client.ApiException) as refused:
            client.CoreV1Api(api).list_namespaced_pod("default")
    assert refused.value.status == 403


def test_who_subscribes_sees_every_change_in_order_until_that_is_ended() -> None:
    configs = "/api/v1/namespaces/default/configmaps"
    seen: list[tuple[str, str]] = []
    with EmbeddedCluster() as cluster:

        def listen(event: Event) -> None:
            if event.store == "core/configmaps" and event.key[0] == "default" and event.key[1] in {"a", "b"}:
                seen.append((event.type, event.key[1]))

        end = cluster.subscribe(listen)
        call(cluster, "POST", configs, {"metadata": {"name": "a"}, "data": {"x": "1"}})
        call(cluster, "PUT", f"{configs}/a", {"metadata": {"name": "a"}, "data": {"x": "2"}})
        call(cluster, "DELETE", f"{configs}/a")
        end()
        end()
        call(cluster, "POST", configs, {"metadata": {"name": "b"}})
    assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
