# ruff: noqa: ARG002, D102
# Hooks take what some kind needs; they are described in `Strategy`.
"""The kinds about which there is little to say."""

from __future__ import annotations

import base64
import re

from canary_lab.cluster.errors import Cause, forbidden, invalid, required
from canary_lab.cluster.kinds.base import Obj, Strategy, immutable

_KEY = "[-._a-zA-Z0-9]+"


def _check_keys(obj: Obj, *fields: str) -> list[Cause]:
    why = (
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
        f"(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '{_KEY}')"
    )
    keys = [(f, k) for f in fields for k in obj.get(f) or ()]
    return [invalid(f"{f}[{k}]", k, why) for f, k in keys if not re.fullmatch(_KEY, k)]


def _check_immutable(new: Obj, old: Obj, *fields: str) -> list[Cause]:
    if not old.get("immutable"):
        return []
    why = "field is immutable when `immutable` is set"
    changed = [f for f in ("immutable", *fields) if new.get(f) != old.get(f)]
    return [forbidden(f, why) for f in changed]


class SpecStrategy(Strategy):
    """A kind whose generation counts changes of all but metadata and status."""

    counts_generation = True

    def generation_rises(self, new: Obj, old: Obj) -> bool:
        rest = ("metadata", "status")
        return {k: v for k, v in new.items() if k not in rest} != {k: v for k, v in old.items() if k not in rest}


class ConfigMapStrategy(Strategy):
    """A ConfigMap."""

    def check(self, obj: Obj) -> list[Cause]:
        return _check_keys(obj, "data", "binaryData")

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        return _check_immutable(new, old, "data", "binaryData") + self.check(new)


class SecretStrategy(Strategy):
    """A Secret; stringData is written into data."""

    def default(self, obj: Obj) -> None:
        obj["type"] = obj.get("type") or "Opaque"
        for key, text in (obj.pop("stringData", None) or {}).items():
            obj.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()

    def check(self, obj: Obj) -> list[Cause]:
        return _check_keys(obj, "data")

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        return immutable(new, old, "type") + _check_immutable(new, old, "data") + self.check(new)


class LeaseStrategy(Strategy):
    """A Lease, as leader election uses it."""

    unconditional_update = False
    create_on_update = True
    checks_finalizers = False

    def check(self, obj: Obj) -> list[Cause]:
        spec, found = obj.get("spec") or {}, []
        if spec.get("leaseDurationSeconds") is not None and spec["leaseDurationSeconds"] <= 0:
            found.append(invalid("spec.leaseDurationSeconds", spec["leaseDurationSeconds"], "must be greater than 0"))
        if (spec.get("leaseTransitions") or 0) < 0:
            found.append(
                invalid("spec.leaseTransitions", spec["leaseTransitions"], "must be greater than or equal to 0")
            )
        return found

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        return self.check(new)


class NamespaceStrategy(Strategy):
    """A Namespace."""

    answers_deleted_object = True

    def default(self, obj: Obj) -> None:
        labels = obj["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")

    def prepare_create(self, obj: Obj) -> None:
        obj["spec"] = {"finalizers": ["kubernetes"]}
        obj["status"] = {"phase": "Active"}

    def prepare_update(self, new: Obj, old: Obj) -> None:
        new["spec"] = old["spec"]


class EventStrategy(Strategy):
    """An Event. The newer group demands more; what it was asked through shows in `eventTime` and `type`."""

    create_on_update = True
    checks_finalizers = False

    def check(self, obj: Obj) -> list[Cause]:
        meta, reference = obj["metadata"], obj.get("involvedObject") or {}
        if reference.get("namespace", meta["namespace"]) != meta["namespace"]:
            return [invalid("involvedObject.namespace", reference["namespace"], "does not match event.namespace")]
        return []


def check_new_event(obj: Obj) -> list[Cause]:
    """What events.k8s.io/v1 demands of an Event, which is given as core v1."""
    found = []
    if not obj.get("eventTime"):
        found.append(required("eventTime"))
    type_ = obj.get("type", "")
    if type_ not in ("Normal", "Warning"):
        found.append(invalid("type", type_, f"has invalid value: {type_}"))
    return found


class UpsertedStrategy(Strategy):
    """A kind of which a PUT makes what is not there."""

    create_on_update = True


class AccountStrategy(Strategy):
    """A ServiceAccount."""

    answers_deleted_object = True


class BindingStrategy(UpsertedStrategy):
    """A RoleBinding or ClusterRoleBinding, whose role stays."""

    def default(self, obj: Obj) -> None:
        for subject in obj.get("subjects") or ():
            if subject.get("kind") in ("User", "Group"):
                subject.setdefault("apiGroup", "rbac.authorization.k8s.io")
        if not obj["roleRef"].get("apiGroup"):
            obj["roleRef"]["apiGroup"] = "rbac.authorization.k8s.io"

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        now = new["roleRef"]
        if now == old["roleRef"]:
            return []
        shown = {"APIGroup": now["apiGroup"], "Kind": now["kind"], "Name": now["name"]}
        return [invalid("roleRef", shown, "cannot change roleRef")]
