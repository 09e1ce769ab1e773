# ruff: noqa: D102
# Hooks take what some kind needs; they are described in `Strategy`.
"""Pods and Pod templates: defaults, rules, and what admission adds to a Pod."""

from __future__ import annotations

import re
from typing import Any

from canary_lab.cluster.errors import Cause, forbidden, invalid, required
from canary_lab.cluster.ids import random_suffix
from canary_lab.cluster.kinds.base import Obj, Strategy
from canary_lab.cluster.names import label_error

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE_DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
_MODED_VOLUMES = ("configMap", "secret", "projected", "downwardAPI")


def default_pod_spec(spec: Obj) -> None:
    """The defaults of a Pod's spec."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for volume in spec.get("volumes") or ():
        for source in _MODED_VOLUMES:
            if source in volume:
                volume[source].setdefault("defaultMode", 420)
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        _default_container(container)


def _default_container(container: Obj) -> None:
    image = container.get("image") or ""
    tag = re.search(r":([^:/]+)$", image)
    latest = "@" not in image and (not tag or tag[1] == "latest")
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for env in container.get("env") or ():
        reference = (env.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")
    for name in _PROBES:
        if probe := container.get(name):
            for key, value in _PROBE_DEFAULTS.items():
                probe[key] = probe.get(key) or value
            if "httpGet" in probe:
                probe["httpGet"].setdefault("scheme", "HTTP")


def check_pod_spec(spec: Obj, path: str) -> list[Cause]:
    """What is wrong with a Pod's spec."""
    containers = spec.get("containers") or []
    found = [] if containers else [required(f"{path}.containers")]
    seen: set[str] = set()
    for i, container in enumerate(containers):
        where, name = f"{path}.containers[{i}]", container.get("name") or ""
        if not name:
            found.append(required(f"{where}.name"))
        elif problem := label_error(name):
            found.append(invalid(f"{where}.name", name, problem))
        elif name in seen:
            found.append(Cause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"{where}.name"))
        seen.add(name)
        if not container.get("image"):
            found.append(required(f"{where}.image"))
    return found


def pod_warnings(spec: Obj, path: str) -> list[str]:
    """Doubles that apply would merge."""
    found = []
    for i, container in enumerate(spec.get("containers") or ()):
        where = f"{path}.containers[{i}]"
        names: set[object] = set()
        for j, name in enumerate(e.get("name") for e in container.get("env") or ()):
            if name in names:
                found.append(
                    f'{where}.env[{j}]: hides previous definition of "{name}", which may be dropped when using apply'
                )
            names.add(name)
        ports: dict[object, int] = {}
        for j, port in enumerate((p.get("containerPort"), p.get("protocol")) for p in container.get("ports") or ()):
            if port in ports:
                found.append(f"{where}.ports[{j}]: duplicate port definition with {where}.ports[{ports[port]}]")
            ports.setdefault(port, j)
    return found


def default_template(template: Obj) -> None:
    """The defaults of a Pod template."""
    default_pod_spec(template.setdefault("spec", {}))


class PodStrategy(Strategy):
    """A Pod. Of its spec only images and a few numbers may change."""

    counts_generation = True
    answers_deleted_object = True

    def default(self, obj: Obj) -> None:
        default_pod_spec(obj["spec"])
        obj["spec"].setdefault("enableServiceLinks", True)

    def prepare_create(self, obj: Obj) -> None:
        obj["status"] = {"phase": "Pending", "qosClass": _quality(obj["spec"])}
        spec = obj["spec"]
        account = spec.setdefault("serviceAccountName", "default")
        spec["serviceAccount"] = account
        spec.setdefault("priority", 0)
        spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
        _add_tolerations(spec)
        if spec.get("automountServiceAccountToken", True):
            _add_token(spec)

    def check(self, obj: Obj) -> list[Cause]:
        return check_pod_spec(obj["spec"], "spec")

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        if _frozen_part(new["spec"]) == _frozen_part(old["spec"]):
            return self.check(new)
        why = (
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        )
        return [forbidden("spec", why)]


def _frozen_part(spec: Obj) -> Obj:
    part = {
        k: v
        for k, v in spec.items()
        if k not in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
    }
    for key in ("containers", "initContainers"):
        part[key] = [{k: v for k, v in c.items() if k != "image"} for c in spec.get(key) or ()]
    return part


def _quality(spec: Obj) -> str:
    resources = [c.get("resources") or {} for c in spec.get("containers") or ()]
    if not any(r.get("limits") or r.get("requests") for r in resources):
        return "BestEffort"
    same = all(r.get("limits") and r.get("requests", r["limits"]) == r["limits"] for r in resources)
    return "Guaranteed" if same and all({"cpu", "memory"} <= set(r["limits"]) for r in resources) else "Burstable"


def _add_tolerations(spec: Obj) -> None:
    tolerations = spec.setdefault("tolerations", [])
    for what in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{what}"
        if not any(t.get("key") == key for t in tolerations):
            more: Obj = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            tolerations.append(more)


def _add_token(spec: Obj) -> None:
    name = f"kube-api-access-{random_suffix()}"
    namespace: Obj = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources: list[dict[str, Any]] = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    spec.setdefault("volumes", []).append({"name": name, "projected": {"sources": sources, "defaultMode": 420}})
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        mounts = container.setdefault("volumeMounts", [])
        if not any(m.get("mountPath") == _TOKEN_PATH for m in mounts):
            mounts.append({"name": name, "readOnly": True, "mountPath": _TOKEN_PATH})
