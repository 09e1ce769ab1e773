"""The definitions, as kubectl shows them, and events, as kubectl counts them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from applications.declared import a_canary, raw_canary
from canary_adapters.controls import Controls
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.crds import definitions
from canary_adapters.kubernetes.events import EventNotifier, EventRecorder
from canary_adapters.kubernetes.resources import CANARIES, EVENTS, METRIC_TEMPLATES
from canary_core import Rollout
from canary_core import notices as n
from canary_core.messages import Names
from canary_ports import RefusedError

KUBECTL = str(Path(sys.executable).parent / "kubectl")


def _kubectl(kubeconfig: Path, *args: str) -> str:
    done = subprocess.run(
        [KUBECTL, "--kubeconfig", str(kubeconfig), *args], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.mark.slow
def test_kubectl_shows_flaggers_columns(kubeconfig: Path, api: Api, namespace: str) -> None:
    a_canary(api, namespace)
    plain = _kubectl(kubeconfig, "get", "canary", "-n", namespace).splitlines()[0].split()
    wide = _kubectl(kubeconfig, "get", "canary", "-n", namespace, "-o", "wide").splitlines()[0].split()
    assert plain == ["NAME", "STATUS", "WEIGHT", "LASTTRANSITIONTIME", "REASON"]
    assert wide == [
        *("NAME", "STATUS", "WEIGHT", "SUSPENDED", "FAILEDCHECKS", "INTERVAL", "MIRROR"),
        *("STEPWEIGHT", "STEPWEIGHTS", "MAXWEIGHT", "LASTTRANSITIONTIME", "REASON"),
    ]
    explained = _kubectl(kubeconfig, "explain", "canary.spec.analysis.threshold")
    assert re.search(r"FIELD:\s+threshold <number>", explained)


def test_shapes_are_strict_and_values_are_not() -> None:
    for definition in definitions():
        (version,) = definition["spec"]["versions"]
        text = str(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
        assert "'minimum'" not in text
        assert set(re.findall(r"'pattern': '([^']*)'", text)) <= {
            kind.pattern.replace("\\", "\\\\") for kind in Controls if kind.pattern
        }
    canary = definitions()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert canary["required"] == ["analysis", "targetRef"]
    assert "enum" not in canary["properties"]["provider"]
    assert canary["properties"]["targetRef"]["properties"]["kind"]["enum"] == ["DaemonSet", "Deployment", "Service"]


def test_control_characters_and_lists_without_end_are_not_let_in(api: Api, namespace: str) -> None:
    """Whatever the user of the API server does not send through our reader."""
    raw = raw_canary(namespace)
    hook = {"name": "a", "url": "http://a/", "metadata": {"cmd": "hey\0"}}
    for part, words in (
        ({"webhooks": [hook]}, "spec.analysis.webhooks[0].metadata.cmd"),
        ({"webhooks": [{**hook, "metadata": {}}] * 101}, "spec.analysis.webhooks: Too many: 101"),
        ({"metrics": [{"name": "a\x1b"}]}, "spec.analysis.metrics[0].name"),
    ):
        spec = {**raw["spec"], "analysis": {**raw["spec"]["analysis"], **part}}
        with pytest.raises(RefusedError, match=re.escape(words)):
            api.create(CANARIES, namespace, {"metadata": {"name": "odd"}, "spec": spec})
    lines = {"query": "sum(\n\tup)", "provider": {"type": "prometheus", "address": "http://a/"}}
    api.create(METRIC_TEMPLATES, namespace, {"metadata": {"name": "lines"}, "spec": lines})


def test_equal_events_are_counted(api: Api, namespace: str) -> None:
    a_canary(api, namespace)
    live = api.read(CANARIES, namespace, "app")
    assert live is not None
    now = [1_770_000_000.0]
    recorder = EventRecorder(api, now_s=lambda: now[0])
    notifier = EventNotifier(recorder, live, Names(canary="app", namespace=namespace, target="app"))
    for _ in range(3):
        notifier.tell(n.WeightAdvanced(weight=10), Rollout())
    notifier.tell(n.RolledBack(), Rollout())
    now[0] += 3600
    notifier.tell(n.RolledBack(), Rollout())
    recorder.close(10)
    found = sorted(api.list(EVENTS, namespace).items, key=lambda each: int(each["metadata"]["resourceVersion"]))
    assert [(each["type"], each["count"], each["message"]) for each in found] == [
        ("Normal", 3, f"Advance app.{namespace} canary weight 10"),
        ("Warning", 1, f"Canary failed! Scaling down app.{namespace}"),
        ("Warning", 1, f"Canary failed! Scaling down app.{namespace}"),
    ]
    assert {(each["reason"], each["source"]["component"]) for each in found} == {("Synced", "flagger")}
    assert {each["involvedObject"]["uid"] for each in found} == {live["metadata"]["uid"]}


def test_an_event_that_cannot_be_recorded_harms_nobody(api: Api) -> None:
    gone = {"metadata": {"name": "x", "namespace": "nowhere", "uid": "u", "resourceVersion": "1"}}
    recorder = EventRecorder(api, now_s=lambda: 0.0)
    recorder.record(gone, "y" * 5000, warning=True)
    recorder.close(10)
