"""The identity of what a user declared: a versioned hash that neither clients nor server versions change.

It is made from the raw JSON that the API server sends, canonical and without what the server fills in. Controllers
that hash decoded objects see every upgrade of their libraries as a new revision (flagger#1673, #1799).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from canary_adapters.kubernetes.naming import TOOLKIT
from canary_adapters.kubernetes.workload.defaults import without_defaults

__all__ = ["SCHEME", "content_digest", "service_fingerprint", "template_fingerprint"]

SCHEME: Final = "v1"
"""Of the rules by which fingerprints are made; a fingerprint of another scheme is foreign, and is adopted."""
_DIGITS: Final = 32
_FILLED_IN: Final = frozenset(
    {
        "clusterIP",
        "clusterIPs",
        "healthCheckNodePort",
        "internalTrafficPolicy",
        "ipFamilies",
        "ipFamilyPolicy",
        "sessionAffinity",
        "type",
    }
)
"""Fields of a Service that the server sets where nobody has; they tell apart only when they are not the usual."""
_USUAL: Final = {"internalTrafficPolicy": "Cluster", "sessionAffinity": "None", "type": "ClusterIP"}


def template_fingerprint(template: Mapping[str, Any], configs: Iterable[tuple[str, str]] = ()) -> str:
    """The fingerprint of a pod template together with the configuration that it refers to.

    Args:
        template: ``spec.template`` of a workload, as the API server sends it.
        configs: Name (with its kind) and digest of the contents of every tracked object.
    """
    said = without_defaults(template)
    metadata = {
        part: {key: value for key, value in values.items() if TOOLKIT not in key}
        for part, values in (said.get("metadata") or {}).items()
        if isinstance(values, Mapping)
    }
    metadata = {part: values for part, values in metadata.items() if values}
    return _hashed({"metadata": metadata, "spec": said.get("spec") or {}, "configs": dict(sorted(configs))})


def service_fingerprint(spec: Mapping[str, Any]) -> str:
    """The fingerprint of ``spec`` of a Service."""
    said = {
        key: value
        for key, value in spec.items()
        if value not in (None, {}, [], "") and (key not in _FILLED_IN or value != _USUAL.get(key, value))
    }
    said["ports"] = [
        {
            key: value
            for key, value in port.items()
            if (key != "protocol" or value != "TCP")
            and (key != "targetPort" or value != port.get("port"))
            and key != "nodePort"
        }
        for port in spec.get("ports") or ()
    ]
    return _hashed(said)


def content_digest(obj: Mapping[str, Any]) -> str:
    """The digest of what a ConfigMap or Secret holds, binary data included."""
    return _digest({"data": obj.get("data") or {}, "binaryData": obj.get("binaryData") or {}})


def _hashed(value: object) -> str:
    return f"{SCHEME}:{_digest(value)}"


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
