"""What the API server fills into a pod template, so that it can be told from what a person wrote.

The values are those that the API reference documents: https://kubernetes.io/docs/reference/kubernetes-api/. A field
that has its default means the same as none; which of the two is stored depends on clients and server versions.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["without_defaults"]

_PROBE: Final = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_POD: Final = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
    "preemptionPolicy": "PreemptLowerPriority",
    "priority": 0,
    "hostNetwork": False,
    "hostPID": False,
    "hostIPC": False,
    "shareProcessNamespace": False,
}
_CONTAINER: Final = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "stdin": False,
    "stdinOnce": False,
    "tty": False,
}
_PRESENT: Final = frozenset({"emptyDir", "labelSelector", "namespaceSelector"})
"""Fields that say something by being there, even if they are empty."""


def without_defaults(template: Mapping[str, Any]) -> dict[str, Any]:
    """A pod template as a person might have written it: no nulls, nothing empty, nothing that is the default anyway.

    Args:
        template: ``spec.template`` of a workload, as the API server sends it. It is not changed.
    """
    spec = dict(template.get("spec") or {})
    if spec.get("serviceAccount") == spec.get("serviceAccountName"):
        spec.pop("serviceAccount", None)  # the old name of the field, kept in step by the server
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            spec[kind] = [_container(each) for each in spec[kind]]
    if spec.get("volumes"):
        spec["volumes"] = [_volume(each) for each in spec["volumes"]]
    if spec.get("topologySpreadConstraints"):
        policies = {"nodeAffinityPolicy": "Honor", "nodeTaintsPolicy": "Ignore"}
        spec["topologySpreadConstraints"] = [_less(each, policies) for each in spec["topologySpreadConstraints"]]
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if key != "creationTimestamp"}
    found = _said({"metadata": metadata, "spec": _less(spec, _POD)})
    return found if isinstance(found, dict) else {}


def _less(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in defaults or value != defaults[key]}


def _said(value: Any) -> Any:
    """Without nulls and, at every depth, without what is empty. Members of lists keep their places."""
    if isinstance(value, Mapping):
        parts = {key: _said(part) for key, part in value.items()}
        said = {key: part for key, part in parts.items() if part not in (None, {}, [], "")}
        return {**said, **{key: {} for key in _PRESENT & value.keys() if value[key] == {}}} or None
    if isinstance(value, list):
        return [_said(part) for part in value]
    return value


# -- Containers -----------------------------------------------------------------------------------------------------


def _container(given: Mapping[str, Any]) -> dict[str, Any]:
    found = _less(given, _CONTAINER)
    if found.get("imagePullPolicy") == _pull_policy(str(found.get("image", ""))):
        del found["imagePullPolicy"]
    parts: dict[str, Callable[[Any], Any]] = {
        "ports": lambda ports: [_less(port, {"protocol": "TCP", "hostPort": 0}) for port in ports],
        "env": lambda env: [_env(each) for each in env],
        "resources": _resources,
        "livenessProbe": _probe,
        "readinessProbe": _probe,
        "startupProbe": _probe,
        "lifecycle": _lifecycle,
        "volumeMounts": lambda mounts: [_less(mount, {"readOnly": False}) for mount in mounts],
    }
    for name, clean in parts.items():
        if found.get(name):
            found[name] = clean(found[name])
    return found


def _pull_policy(image: str) -> str:
    """``latest`` (or no tag) is pulled always: https://kubernetes.io/docs/concepts/containers/images/."""
    last = image.rpartition("/")[2]
    if "@" in last:
        return "IfNotPresent"
    tag = last.partition(":")[2]
    return "Always" if tag in {"", "latest"} else "IfNotPresent"


def _env(given: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(given)
    source = dict(found.get("valueFrom") or {})
    if source.get("fieldRef"):
        source["fieldRef"] = _less(source["fieldRef"], {"apiVersion": "v1"})
        found["valueFrom"] = source
    return found


def _resources(given: Mapping[str, Any]) -> dict[str, Any]:
    """A limit without a request is a request as well."""
    limits = given.get("limits") or {}
    requests = {key: value for key, value in (given.get("requests") or {}).items() if limits.get(key) != value}
    return {**given, "requests": requests}


def _probe(given: Mapping[str, Any]) -> dict[str, Any]:
    found = _less(given, _PROBE)
    if found.get("httpGet"):
        found["httpGet"] = _http(found["httpGet"])
    return found


def _http(given: Mapping[str, Any]) -> dict[str, Any]:
    return _less(given, {"scheme": "HTTP", "path": "/"})


def _lifecycle(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        moment: {**handler, "httpGet": _http(handler["httpGet"])} if (handler or {}).get("httpGet") else handler
        for moment, handler in given.items()
    }


# -- Volumes --------------------------------------------------------------------------------------------------------


def _volume(given: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(given)
    for kind in ("configMap", "secret", "downwardAPI", "projected"):
        if found.get(kind):
            found[kind] = _less(found[kind], {"defaultMode": 0o644, "optional": False})
    if found.get("hostPath"):
        found["hostPath"] = _less(found["hostPath"], {"type": ""})
    if (found.get("projected") or {}).get("sources"):
        projected = found["projected"]
        found["projected"] = {**projected, "sources": [_projected(source) for source in projected["sources"]]}
    return found


def _projected(given: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(given)
    if found.get("serviceAccountToken"):
        found["serviceAccountToken"] = _less(found["serviceAccountToken"], {"expirationSeconds": 3600})
    for kind in ("configMap", "secret"):
        if found.get(kind):
            found[kind] = _less(found[kind], {"optional": False})
    return found
