"""A controller that is killed, two of them, one with the rights of its role only, and one among mistakes."""

from __future__ import annotations

import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from applications.demo_app import App
from laboratories.lab import AGENT, REAL, Lab, eventually

pytestmark = pytest.mark.slow

RBAC = Path(__file__).parents[2] / "examples" / "controller" / "rbac.yaml"
SYSTEM = "canary-system"


def _image_of_primary(app: App) -> str:
    found = app.lab.get("deployment", f"{app.name}-primary", app.namespace)
    assert found is not None
    image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_and_started_again_it_finishes(lab: Lab, app: App, seed: int) -> None:
    chance = random.Random(seed)
    running = lab.start()
    app.deploy(analysis={"stepWeight": 25, "maxWeight": 50})
    if seed % 2:
        app.until("Initialized")
        app.image("v2")
    for _ in range(3):
        time.sleep(chance.uniform(0.0, 1.5))
        running.kill()
        running = lab.start()
    if seed % 2:
        app.until("Succeeded")
        assert _image_of_primary(app) == "example.com/app:v2"
    else:
        app.until("Initialized")
    eventually(lambda: app.replicas() == 0)
    assert app.weights() == [100, 0]
    assert running.terminate() == 0


def test_of_two_replicas_one_acts_and_the_other_takes_over(lab: Lab, app: App) -> None:
    lab.kubectl("create", "namespace", SYSTEM, check=False)
    flags = ("-enable-leader-election=true", f"-leader-election-namespace={SYSTEM}", "-lease-duration=3s")
    first, second = lab.start(*flags), lab.start(*flags)

    def holder() -> str:
        found = lab.get("lease", "flagger-leader-election", SYSTEM)
        name: str = (found or {"spec": {"holderIdentity": ""}})["spec"]["holderIdentity"]
        return name

    app.deploy(analysis={"stepWeight": 10, "maxWeight": 50})
    app.until("Initialized")
    leader = first if "working" in first.text() else second
    follower = second if leader is first else first
    assert "working" not in follower.text()
    before = holder()
    app.image("v2")
    # Told, too: what a leader has stored and not told yet goes with it, unless it is an ending.
    eventually(lambda: any(text.endswith("canary weight 20") for text in app.events()))
    leader.kill()
    killed = time.monotonic()
    eventually(lambda: holder() != before)
    print(f"taken over after {time.monotonic() - killed:.1f} s")  # noqa: T201 - a figure for people
    app.until("Succeeded")
    assert _image_of_primary(app) == "example.com/app:v2"
    weights = [event for event in app.events() if "canary weight" in event]
    assert [text.rpartition(" ")[2] for text in weights] == ["10", "20", "30", "40", "50"]
    assert follower.terminate() == 0
    assert holder() == ""


def test_the_rights_of_its_role_are_what_it_needs(lab: Lab, app: App, tmp_path: Path) -> None:
    lab.kubectl("create", "namespace", SYSTEM, check=False)
    lab.apply(RBAC.read_text())
    lab.apply((RBAC.parent / "deployment.yaml").read_text())
    token = lab.kubectl("create", "token", "canary-controller", "-n", SYSTEM).strip()
    bearer = lab.of_token(token, tmp_path / "kubeconfig")
    if not REAL:
        lab.cluster.requests.clear()
    running = lab.start(
        "-enable-leader-election", f"-leader-election-namespace={SYSTEM}", "-lease-duration=3s", kubeconfig=bearer
    )
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": app.name, "namespace": app.namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app.name},
            "minReplicas": 1,
            "maxReplicas": 3,
        },
    }
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": app.namespace}}
    lab.kubectl("create", "namespace", app.namespace)
    lab.apply(yaml.safe_dump_all([scaler, {**config, "data": {"a": "1"}}]))
    ref = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": app.name}
    app.deploy(revertOnDeletion=True, autoscalerRef=ref, analysis={"stepWeight": 50, "maxWeight": 50})
    app.until("Initialized")
    container = '{"name":"app","envFrom":[{"configMapRef":{"name":"settings"}}]}'
    add = f'{{"spec":{{"template":{{"spec":{{"containers":[{container}]}}}}}}}}'
    app.kubectl("patch", "deployment", app.name, "-p", add)
    app.until("Promoting")
    app.until("Succeeded")
    lab.apply(yaml.safe_dump({**config, "data": {"a": "2"}}))
    app.until("Progressing")
    app.until("Succeeded")
    app.kubectl("delete", "canary", app.name, "--timeout=30s")
    plain = type(app)(lab, f"{app.namespace}-plain")
    plain.deploy(
        provider="kubernetes", revertOnDeletion=True, analysis={"iterations": 1, "stepWeight": None, "maxWeight": None}
    )
    plain.until("Initialized")
    plain.kubectl("delete", "canary", app.name, "--timeout=30s")
    assert running.terminate() == 0
    # A namespace of another test that is on its way out takes no events: that is no lack of rights.
    refused = [line for line in running.text().splitlines() if "orbidden" in line and "being terminated" not in line]
    assert refused == []
    ours = lab.cluster.requests.matching(agent=AGENT)
    assert [each for each in ours if each.code in {401, 403}] == []
    granted = _granted()
    used = {
        (each.group, each.resource, each.verb) for each in ours if each.resource and not each.resource.startswith("/")
    }
    assert used <= granted
    # What only a conflict, the garbage of an older release, a lost primary or a target with other labels calls for.
    rare = {
        ("flagger.app", "canaries", "get"),
        ("apps", "deployments", "get"),
        ("apps", "deployments", "delete"),
        ("apps", "replicasets", "list"),
        ("coordination.k8s.io", "leases", "create"),
        ("flagger.app", "canaries/finalizers", "update"),
        ("", "secrets", "create"),
        ("", "secrets", "get"),
        ("", "secrets", "delete"),
        ("", "configmaps", "delete"),
        ("", "events", "patch"),
        ("", "pods", "list"),
        ("networking.istio.io", "destinationrules", "update"),
    }
    assert granted - used <= rare


def test_without_tracking_it_needs_no_rights_to_configuration(tmp_path: Path) -> None:
    """Nor does it wait for caches that it is not allowed to fill."""
    documents = [found for found in yaml.safe_load_all(RBAC.read_text()) if found]
    (role,) = [each for each in documents if each["kind"] == "ClusterRole"]
    role["rules"] = [rule for rule in role["rules"] if "secrets" not in rule["resources"]]
    with Lab(tmp_path) as lab:
        lab.apply(yaml.safe_dump_all(documents))
        token = lab.kubectl("create", "token", "canary-controller", "-n", SYSTEM).strip()
        bearer = lab.cluster.kubeconfig(tmp_path / "of-the-role", token=token)
        lab.cluster.requests.clear()
        running = lab.start("-enable-config-tracking=false", kubeconfig=bearer)
        app = App(lab, "demo")
        app.deploy(analysis={"stepWeight": 50, "maxWeight": 50})
        app.until("Initialized")
        container = '{"name":"app","envFrom":[{"configMapRef":{"name":"settings","optional":true}}]}'
        add = f'{{"spec":{{"template":{{"spec":{{"containers":[{container}]}}}}}}}}'
        app.kubectl("patch", "deployment", app.name, "-p", add)
        app.until("Promoting")
        app.until("Succeeded")
        assert running.terminate() == 0
        ours = lab.cluster.requests.matching(agent=AGENT)
        assert ours
        assert [each for each in ours if each.resource in {"configmaps", "secrets"} or each.code in {401, 403}] == []


def _granted() -> set[tuple[str, str, str]]:
    found = set()
    for document in yaml.safe_load_all(RBAC.read_text()):
        for rule in document.get("rules") or ():
            found |= {(g, r, v) for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]}
    return found


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown provider": ({"provider": "bogus"}, "spec.provider"),
    "a provider that is not served": ({"provider": "linkerd"}, "spec.provider"),
    "a missing deployment": (
        {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"}},
        "nobody",
    ),
    "a negative step": ({"analysis": {"stepWeight": -5}}, "spec.analysis.stepWeight"),
    "a malformed duration": ({"analysis": {"interval": "soon"}}, "spec.analysis.interval"),
    "a fraction": ({"analysis": {"maxWeight": 50.5}}, "spec.analysis.maxWeight"),
    "an unknown template": (
        {"analysis": {"metrics": [{"name": "own", "thresholdRange": {"max": 1}, "templateRef": {"name": "nobody"}}]}},
        "MetricTemplate nobody",
    ),
    "a port that no container has": ({"service": {"port": 8080, "targetPort": "nobody"}}, "targetPort nobody"),
    "a port that the Service sends elsewhere": ({"service": {"port": 8080, "targetPort": 9090}}, "targetPort 9090"),
    "a kind that is not served": (
        {"targetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "fleet-simple-app"}},
        "DaemonSet",
    ),
    "an autoscaler that does not exist": (
        {"autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "nobody"}},
        "HorizontalPodAutoscaler nobody",
    ),
    "a host of another namespace": (
        {"service": {"port": 8080, "hosts": ["app.other.svc"]}},
        "Services of namespace other",
    ),
    "a gateway of another namespace": (
        {"service": {"port": 8080, "gateways": ["mesh", "other/gateway"]}},
        "(istio-ingress/public)",
    ),
}
STRICT = ("-no-cross-namespace-refs", "-allowed-gateways=istio-ingress/public")


def test_each_mistake_is_told_where_people_look_and_harms_nobody_else(lab: Lab, app: App) -> None:
    good = type(app)(lab, f"{app.namespace}-good")
    with lab.controller(*STRICT):
        bad = {}
        for number, what in enumerate(MISTAKES):
            bad[what] = type(app)(lab, f"{app.namespace}-bad-{number}")
            bad[what].deploy(**MISTAKES[what][0])
        good.deploy(analysis={"stepWeight": 50, "maxWeight": 50})
        good.until("Initialized")
        good.image("v2")
        good.until("Succeeded")
        for what, (_, words) in MISTAKES.items():
            _told(bad[what], what, words)
        for what in MISTAKES:
            bad[what].declare()
        for what in MISTAKES:
            bad[what].until("Initialized")


def _told(app: App, what: str, words: str) -> None:
    def condition() -> dict[str, Any] | None:
        found = app.lab.status(app.name, app.namespace).get("conditions") or [{}]
        return found[0] if found[0].get("status") == "False" else None

    try:
        found = eventually(condition, 20)
    except AssertionError:
        raise AssertionError(f"{what}: {app.lab.status(app.name, app.namespace)}") from None
    assert found["type"] == "Promoted", (what, found)
    assert words in found["message"], (what, found)
    assert eventually(lambda: [text for text in app.events() if words in text]), what
    assert words in app.kubectl("describe", "canary"), what
    assert app.replicas() == 1, what
    service = app.lab.get("service", app.name, app.namespace)
    assert service is not None
    assert service["spec"]["selector"] == {"app": app.name}, what


def test_a_selector_without_a_usual_label_is_told(lab: Lab, app: App) -> None:
    lab.kubectl("create", "namespace", app.namespace)
    labels = {"odd": "x"}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "example.com/app:v1"}]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": app.name, "namespace": app.namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": pods},
    }
    with lab.controller():
        lab.apply(yaml.safe_dump_all([deployment, app.canary()]))
        eventually(
            lambda: "must contain one of [app, name, app.kubernetes.io/name]" in app.kubectl("describe", "canary")
        )
    with lab.controller("-selector-labels=odd"):
        app.until("Initialized")


def test_an_end_in_the_middle_of_a_tick_is_orderly(lab: Lab, app: App) -> None:
    """A slow hook is waited for; what it says is not lost."""
    asked = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.set()
            time.sleep(1.5)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hook = {
        "name": "slow",
        "type": "confirm-rollout",
        "url": f"http://127.0.0.1:{server.server_port}/",
        "timeout": "5s",
    }
    running = lab.start()
    app.deploy(analysis={"stepWeight": 50, "maxWeight": 50, "webhooks": [hook]})
    app.until("Initialized")
    app.image("v2")
    assert asked.wait(20)
    assert running.terminate() == 0
    assert lab.status(app.name, app.namespace)["phase"] == "Progressing"
    eventually(lambda: "Confirm-rollout check slow passed" in app.events())
    with lab.controller():
        app.until("Succeeded")
    server.shutdown()
    server.server_close()


def test_what_flagger_left_behind_is_taken_over_without_a_rollout(lab: Lab, app: App) -> None:
    with lab.controller():
        app.deploy(analysis={"stepWeight": 50, "maxWeight": 50})
        app.until("Initialized")
    flagger = {"rollout": None, "lastAppliedSpec": "5978589476", "lastPromotedSpec": "5978589476"}
    patch = json.dumps({"status": {**flagger, "phase": "Succeeded", "trackedConfigs": {}}})
    app.kubectl("patch", "canary", app.name, "--subresource=status", "--type=merge", "-p", patch)
    app.kubectl("annotate", "deployment", f"{app.name}-primary", "canary-core/revision-", "canary-core/copied-")
    before = lab.get("deployment", f"{app.name}-primary", app.namespace)
    assert before is not None
    with lab.controller():
        eventually(lambda: lab.status(app.name, app.namespace).get("lastAppliedSpec", "").startswith("v1:"))
        time.sleep(2)
        assert lab.status(app.name, app.namespace)["phase"] == "Succeeded"
        after = lab.get("deployment", f"{app.name}-primary", app.namespace)
        assert after is not None
        assert after["spec"] == before["spec"]
        assert app.replicas() == 0
        app.image("v2")
        app.until("Progressing")
        app.until("Succeeded")
        assert _image_of_primary(app) == "example.com/app:v2"


def test_one_namespace_is_served_alone_where_that_is_wanted(lab: Lab, app: App) -> None:
    other = type(app)(lab, f"{app.namespace}-other")
    lab.kubectl("create", "namespace", app.namespace)
    with lab.controller(f"-namespace={app.namespace}") as running:
        other.deploy()
        app.deploy()
        app.until("Initialized")
        assert lab.status(other.name, other.namespace)["phase"] == ""  # nobody has seen it
        metrics = requests.get(f"http://127.0.0.1:{running.port}/metrics", timeout=5).text
        assert f'flagger_canary_total{{namespace="{app.namespace}"}} 1.0' in metrics
        for probe in ("healthz", "readyz"):
            assert requests.get(f"http://127.0.0.1:{running.port}/{probe}", timeout=5).status_code == 200
        app.kubectl("delete", "canary", app.name)

        def gone() -> bool:
            text = requests.get(f"http://127.0.0.1:{running.port}/metrics", timeout=5).text
            return app.namespace not in text

        eventually(gone)


def test_two_canaries_on_one_target_are_refused_but_for_the_older(lab: Lab, app: App) -> None:
    with lab.controller():
        app.deploy()
        app.until("Initialized")
        time.sleep(1.1)  # ages are told apart by the second
        second = app.canary()
        second["metadata"]["name"] = "second"
        lab.apply(yaml.safe_dump(second))

        def refused() -> bool:
            conditions = lab.status("second", app.namespace).get("conditions") or [{}]
            return bool(conditions[0].get("reason") == "TargetInUse")

        eventually(refused)
        app.image("v2")
        app.until("Progressing")
        app.kubectl("delete", "canary", app.name, "--wait=true")
        lab.until_phase("Initialized", "second", app.namespace)


def test_a_change_of_the_service_keeps_the_weight(lab: Lab, app: App) -> None:
    with lab.controller():
        steps = {"stepWeight": 10, "maxWeight": 20, "interval": "3s"}
        app.deploy(analysis=steps)
        app.until("Initialized")
        app.image("v2")
        eventually(lambda: app.weights() == [90, 10])
        app.declare(analysis=steps, service={"port": 8080, "timeout": "7s"})

        def timeout() -> Any:
            found = lab.get("virtualservice", app.name, app.namespace)
            assert found is not None
            weights = [each["weight"] for each in found["spec"]["http"][0]["route"]]
            assert weights[1] >= 10
            return found["spec"]["http"][0].get("timeout")

        eventually(lambda: timeout() == "7s")
        app.until("Succeeded")


def test_what_somebody_else_changes_is_put_back(lab: Lab, app: App) -> None:
    with lab.controller():
        app.deploy(analysis={"stepWeight": 10, "maxWeight": 20, "interval": "3s"})
        app.until("Initialized")
        app.image("v2")
        eventually(lambda: app.weights() == [90, 10])
        weight = '{{"op":"replace","path":"/spec/http/0/route/{}/weight","value":{}}}'
        patch = f"[{weight.format(0, 40)},{weight.format(1, 60)}]"
        app.kubectl("patch", "virtualservice", app.name, "--type=json", "-p", patch)
        eventually(lambda: app.weights() == [90, 10])
        app.kubectl("delete", "service", f"{app.name}-canary")
        eventually(lambda: lab.get("service", f"{app.name}-canary", app.namespace) is not None)
        app.until("Succeeded")


def test_a_refusal_costs_next_to_nothing_and_disturbs_nobody(lab: Lab, app: App) -> None:
    bad = type(app)(lab, f"{app.namespace}-bad")
    with lab.controller() as running:
        bad.deploy(service={"port": 8080, "targetPort": "nobody"})
        eventually(lambda: "ServicePortMismatch" in bad.kubectl("get", "canary"))
        lab.cluster.requests.clear()
        app.deploy(analysis={"stepWeight": 50, "maxWeight": 50})
        app.until("Initialized")
        app.image("v2")
        app.until("Succeeded")
        ours = lab.cluster.requests.matching(agent=AGENT)
        written = [
            each for each in ours if each.namespace == bad.namespace and each.verb not in {"get", "list", "watch"}
        ]
        assert len(written) <= 3, written
    refused = lab.get("canary", bad.name, bad.namespace)
    assert refused is not None
    message = json.dumps(refused["status"]["conditions"][0]["message"])
    said = [line for line in running.text().splitlines() if message in line]
    assert len(said) == 1, said


def test_a_clean_stop_is_said_and_looks_like_no_crash(lab: Lab, app: App) -> None:
    running = lab.start()
    app.deploy()
    app.until("Initialized")
    assert running.terminate() == 0
    text = running.text()
    assert "Traceback" not in text
    assert json.loads(text.splitlines()[-1])["msg"] == "stopped"


def test_a_request_that_is_misspelt_is_answered_once(lab: Lab, app: App) -> None:
    with lab.controller():
        app.deploy()
        app.until("Initialized")
        app.kubectl("annotate", "canary", app.name, "canary-core/request=abrt/1")
        words = "is not understood: ask for pause, resume, abort, retry or promote"
        eventually(lambda: [text for text in app.events() if words in text])
        app.kubectl("annotate", "canary", app.name, "canary-core/request=pause/1", "--overwrite")
        eventually(lambda: app.kubectl("get", "canary").split()[-1] == "Paused")
        assert len([text for text in app.events() if words in text]) == 1


def test_an_image_that_cannot_be_pulled_is_named(lab: Lab, app: App) -> None:
    """The image is pulled by nobody: people read that, and not only how many pods are not ready."""
    with lab.controller():
        app.deploy(progressDeadlineSeconds=40)
        app.until("Initialized")
        app.image("broken")
        eventually(lambda: app.kubectl("get", "canary").split()[-1] == "ImagePullBackOff")
        eventually(lambda: [text for text in app.events() if "image example.com/app:broken cannot be pulled" in text])
        app.until("Failed", seconds=120.0)
