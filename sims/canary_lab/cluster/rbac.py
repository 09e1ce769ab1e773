"""Who may do what: Roles and ClusterRoles with their bindings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from attrs import frozen

from canary_lab.cluster.auth import AUTHENTICATED, User
from canary_lab.cluster.errors import ApiError, forbidden_error, go_value
from canary_lab.cluster.requests import Info
from canary_lab.cluster.store import Obj, Store

GROUP = "rbac.authorization.k8s.io"
_READ, _WRITE = ["get", "list", "watch"], ["create", "delete", "deletecollection", "patch", "update"]
_VIEWED = {
    "": "configmaps endpoints events namespaces pods pods/log pods/status serviceaccounts services services/status",
    "apps": "daemonsets deployments deployments/scale deployments/status replicasets replicasets/scale statefulsets",
    "autoscaling": "horizontalpodautoscalers horizontalpodautoscalers/status",
    "batch": "cronjobs jobs",
    "discovery.k8s.io": "endpointslices",
    "networking.k8s.io": "ingresses networkpolicies",
    "policy": "poddisruptionbudgets",
}
_EDITED = {**_VIEWED, "": _VIEWED[""] + " secrets", "coordination.k8s.io": "leases"}
_ADMINISTERED = {**_EDITED, GROUP: "rolebindings roles"}
_REVIEWS = {
    "authorization.k8s.io": "selfsubjectaccessreviews selfsubjectrulesreviews",
    "authentication.k8s.io": "selfsubjectreviews",
}
_DELEGATED = {"authentication.k8s.io": "tokenreviews", "authorization.k8s.io": "subjectaccessreviews"}
_OPEN_PATHS = "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/"


def _may(verbs: list[str], resources: dict[str, str]) -> list[Obj]:
    return [{"verbs": verbs, "apiGroups": [g], "resources": r.split()} for g, r in resources.items()]


CLUSTER_ROLES: dict[str, list[Obj]] = {
    "cluster-admin": [*_may(["*"], {"*": "*"}), {"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "admin": _may(_READ + _WRITE, _ADMINISTERED),
    "edit": _may(_READ + _WRITE, _EDITED),
    "view": _may(_READ, _VIEWED),
    "system:auth-delegator": _may(["create"], _DELEGATED),
    "system:basic-user": _may(["create"], _REVIEWS),
    "system:discovery": [{"verbs": ["get"], "nonResourceURLs": _OPEN_PATHS.split()}],
}
FOR_ALL = {"system:basic-user": AUTHENTICATED, "system:discovery": AUTHENTICATED, "cluster-admin": "system:masters"}
"""Bindings that are there from the beginning: role and group."""


@frozen
class Grant:
    """A rule that a user has, and the words in which a review says why."""

    rule: Obj
    reason: str


@frozen
class Ask:
    """Something a user wants to do with a resource, or with a path."""

    verb: str
    group: str = ""
    resource: str = ""
    """With its subresource."""
    namespace: str = ""
    name: str = ""
    path: str = ""
    """For what is no resource."""


def ask_of(info: Info) -> Ask:
    """What a request asks for."""
    if not info.is_resource:
        return Ask(info.verb, path=info.path)
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    return Ask(info.verb, info.group, resource, info.namespace, info.name)


def _has(allowed: list[str] | None, value: str) -> bool:
    return bool(allowed) and ("*" in (allowed or ()) or value in (allowed or ()))


def allows(rule: Obj, ask: Ask) -> bool:
    """Whether a rule covers something."""
    if not _has(rule.get("verbs"), ask.verb):
        return False
    if ask.path:
        urls = rule.get("nonResourceURLs") or []
        return any(ask.path == u or (u.endswith("*") and ask.path.startswith(u[:-1])) for u in urls)
    names = rule.get("resourceNames")
    _, slash, sub = ask.resource.partition("/")
    resources = _has(rule.get("resources"), ask.resource) or (
        bool(slash) and f"*/{sub}" in (rule.get("resources") or ())
    )
    return _has(rule.get("apiGroups"), ask.group) and resources and (not names or ask.name in names)


class Rbac:
    """The rights in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def grants(self, user: User, namespace: str) -> Iterator[Grant]:
        """All rules that a user has in a namespace, or in the whole cluster if there is none."""
        bindings = [("ClusterRoleBinding", b) for b in self._store.all(f"{GROUP}/clusterrolebindings")]
        if namespace:
            bindings += [("RoleBinding", b) for b in self._store.all(f"{GROUP}/rolebindings", namespace)]
        for kind, binding in bindings:
            subject = next((s for s in binding.get("subjects") or () if _is_subject(s, user, namespace)), None)
            if subject is None:
                continue
            name, ref = binding["metadata"]["name"], binding["roleRef"]
            whose = f'"{name}/{namespace}"' if kind == "RoleBinding" else f'"{name}"'
            who = subject["name"] + (f"/{subject['namespace']}" if subject.get("namespace") else "")
            reason = f'RBAC: allowed by {kind} {whose} of {ref["kind"]} "{ref["name"]}" to {subject["kind"]} "{who}"'
            for rule in self._rules(ref, namespace):
                yield Grant(rule, reason)

    def _rules(self, ref: Obj, namespace: str) -> list[Obj]:
        if ref["kind"] == "ClusterRole":
            role = self._store.get(f"{GROUP}/clusterroles", "", ref["name"])
        else:
            role = self._store.get(f"{GROUP}/roles", namespace, ref["name"])
        return list((role or {}).get("rules") or ())

    def allowed(self, user: User, ask: Ask) -> tuple[bool, str]:
        """Whether a user may do something, and why."""
        if user.is_admin:
            return True, ""
        for grant in self.grants(user, ask.namespace):
            if allows(grant.rule, ask):
                return True, grant.reason
        return False, ""

    def require(self, user: User, info: Info) -> None:
        """Refuses what a user may not do.

        Raises:
            ApiError: 403.
        """
        if not self.allowed(user, ask_of(info))[0]:
            raise refusal(user, info, info.verb)

    def require_grantable(self, user: User, plural: str, obj: Obj) -> None:
        """Nobody gives rights that they lack.

        Raises:
            ApiError: 403.
        """
        if user.is_admin or plural not in ("roles", "clusterroles"):
            return
        meta = obj["metadata"]
        held = [g.rule for g in self.grants(user, meta.get("namespace", ""))]
        lacking = [r for r in obj.get("rules") or () if not all(any(allows(h, a) for h in held) for a in _each(r))]
        if lacking:
            groups = " ".join(go_value(g) for g in user.groups)
            why = (
                f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n'
            )
            raise forbidden_error(GROUP, plural, meta.get("name", ""), why + "\n".join(_rule_text(r) for r in lacking))


def _each(rule: Obj) -> Iterator[Ask]:
    for path, verb in product(rule.get("nonResourceURLs") or (), rule["verbs"]):
        yield Ask(verb, path=path)
    names = rule.get("resourceNames") or [""]
    for verb, group, resource, name in product(
        rule["verbs"], rule.get("apiGroups") or (), rule.get("resources") or (), names
    ):
        yield Ask(verb, group, resource, "", name)


def _rule_text(rule: Obj) -> str:
    names = {"apiGroups": "APIGroups", "resources": "Resources", "resourceNames": "ResourceNames", "verbs": "Verbs"}
    return "{" + ", ".join(f"{shown}:{go_value(rule[k])}" for k, shown in names.items() if rule.get(k)) + "}"


def _is_subject(subject: Obj, user: User, namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name")
    if kind == "Group":
        return name in user.groups
    if kind == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace', namespace)}:{name}"
    return name == user.name


def refusal(user: User, info: Info, verb: str) -> ApiError:
    """403 as an answer to a request."""
    if not info.is_resource:
        return ApiError(403, "Forbidden", f'forbidden: User "{user.name}" cannot {verb} path "{info.path}"', {})
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    where = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    why = f'User "{user.name}" cannot {verb} resource "{resource}" in API group "{info.group}" {where}'
    return forbidden_error(info.group, info.resource, info.name, why)


def bootstrap() -> Iterator[tuple[str, dict[str, Any]]]:
    """The roles and bindings of a new cluster, as plural and object."""
    for name, rules in CLUSTER_ROLES.items():
        yield "clusterroles", {"metadata": {"name": name}, "rules": rules}
    for name, group in FOR_ALL.items():
        ref = {"apiGroup": GROUP, "kind": "ClusterRole", "name": name}
        subject = {"apiGroup": GROUP, "kind": "Group", "name": group}
        yield "clusterrolebindings", {"metadata": {"name": name}, "roleRef": ref, "subjects": [subject]}
