"""What a server does for objects that kubectl applied by itself before it applies them through the server.

kubectl keeps what it applied last in an annotation. Where the object is still as it says there, `kubectl apply
--server-side` meets no conflict, and the annotation is kept up to date. Other managers of fields have no part in this.
https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
"""

from __future__ import annotations

import json
from typing import Any

from canary_lab.cluster import fieldsets
from canary_lab.cluster.fieldsets import Fields
from canary_lab.cluster.shapes import Shape

Obj = dict[str, Any]
KUBECTL = "kubectl"
_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def unchanged(shape: Shape, live: Obj) -> Fields:
    """The fields that are as kubectl applied them last."""
    text = (live["metadata"].get("annotations") or {}).get(_ANNOTATION)
    try:
        last = json.loads(text) if text else None
    except ValueError:
        return frozenset()
    if not isinstance(last, dict):
        return frozenset()
    difference = fieldsets.compare(shape, last, live)
    return fieldsets.owned(fieldsets.of(shape, last)) - difference.changed - difference.removed


def note(obj: Obj, config: Obj) -> None:
    """Notes in an object that has the annotation what was applied now."""
    annotations = obj["metadata"].get("annotations") or {}
    if not annotations.get(_ANNOTATION):
        return
    meta = dict(config["metadata"])
    if others := {k: v for k, v in (meta.pop("annotations", None) or {}).items() if k != _ANNOTATION}:
        meta["annotations"] = others
    text = json.dumps({**config, "metadata": meta}, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    obj["metadata"]["annotations"] = {**annotations, _ANNOTATION: text + "\n"}
