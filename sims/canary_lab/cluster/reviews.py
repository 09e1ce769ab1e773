"""Requests that are questions: who am I, may I, what may I; and tokens and evictions."""

from __future__ import annotations

from canary_lab.cluster.api import Api
from canary_lab.cluster.auth import API_AUDIENCE, Holder, Tokens, User
from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.deletion import DeleteOptions, delete
from canary_lab.cluster.errors import bad_request, conflict, invalid, invalid_error, not_found
from canary_lab.cluster.rbac import Ask, Rbac
from canary_lab.cluster.resources import Resource
from canary_lab.cluster.store import Obj

_BINDABLE = {("v1", "Pod"): "pods", ("v1", "Secret"): "secrets"}
"""What a token may be bound to: version and kind, and the plural."""
_SHORTEST, _LONGEST = 600, 2**32
"""For how many seconds a token is good."""


def review(rbac: Rbac, tokens: Tokens, user: User, kind: str, obj: Obj) -> Obj:
    """Answers a review, which is an object that comes back with a status.

    Raises:
        ApiError: 400 or 422, the question is incomplete.
    """
    spec = obj.get("spec") or {}
    if kind == "SelfSubjectReview":
        return {**obj, "status": {"userInfo": _info(user)}}
    if kind == "TokenReview":
        return _of_token(tokens, obj)
    if kind == "SelfSubjectRulesReview":
        return _rules(rbac, user, obj)
    ask = _ask(spec, of_another=kind == "SubjectAccessReview")
    if kind == "SubjectAccessReview":
        user = User(spec.get("user", ""), tuple(spec.get("groups") or ()))
    allowed, reason = rbac.allowed(user, ask)
    return {**obj, "status": {"allowed": allowed, **({"reason": reason} if reason else {})}}


def _info(user: User) -> Obj:
    return {"username": user.name, **({"uid": user.uid} if user.uid else {}), "groups": list(user.groups)}


def _of_token(tokens: Tokens, obj: Obj) -> Obj:
    """Whose token it is. One that is no good is an answer, too, with an empty user."""
    spec = obj.get("spec") or {}
    if not spec.get("token"):
        raise bad_request("token is required for TokenReview in authentication")
    found = tokens.reviewed(spec["token"], tuple(spec.get("audiences") or (API_AUDIENCE,)))
    if found is None:
        return {**obj, "status": {"user": {}, "error": "invalid bearer token"}}
    user, audiences = found
    return {**obj, "status": {"authenticated": True, "user": _info(user), "audiences": list(audiences)}}


def _ask(spec: Obj, *, of_another: bool) -> Ask:
    attributes, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    faults = []
    if (attributes is None) == (path is None):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        faults.append(invalid("spec.resourceAttributes", attributes, why))
    if of_another and not spec.get("user") and not spec.get("groups"):
        faults.append(invalid("spec.user", "", "at least one of user or group must be specified"))
    if faults:
        raise invalid_error("authorization.k8s.io", "", "", faults)
    if attributes is None:
        return Ask((path or {}).get("verb", ""), path=(path or {}).get("path", ""))
    a = {k: v for k, v in attributes.items() if isinstance(v, str)}
    resource = a.get("resource", "") + (f"/{a['subresource']}" if a.get("subresource") else "")
    return Ask(a.get("verb", ""), a.get("group", ""), resource, a.get("namespace", ""), a.get("name", ""))


def _rules(rbac: Rbac, user: User, obj: Obj) -> Obj:
    namespace = (obj.get("spec") or {}).get("namespace")
    if not namespace:
        raise bad_request("no namespace on request")
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    rules = [g.rule for g in rbac.grants(user, namespace)] or ([everything] if user.is_admin else [])
    resources = [{k: v for k, v in r.items() if k != "nonResourceURLs"} for r in rules if r.get("resources")]
    paths = [{"verbs": r["verbs"], "nonResourceURLs": r["nonResourceURLs"]} for r in rules if r.get("nonResourceURLs")]
    status = {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}
    return {**obj, "spec": {}, "status": status}


def issue_token(api: Api, tokens: Tokens, namespace: str, name: str, obj: Obj) -> Obj:
    """Answers a TokenRequest.

    Raises:
        ApiError: 404, no such service account, or nothing that it could be bound to; 400 or 409, it cannot be.
    """
    account = api.store.get("core/serviceaccounts", namespace, name)
    if account is None:
        raise not_found("", "serviceaccounts", name)
    asked = obj.get("spec") or {}
    seconds = 3600 if asked.get("expirationSeconds") is None else asked["expirationSeconds"]
    _check_duration(seconds)
    bound = _bound(api, namespace, name, asked["boundObjectRef"]) if asked.get("boundObjectRef") else None
    holder = Holder("core/serviceaccounts", namespace, name, account["metadata"]["uid"])
    audiences = asked.get("audiences") or [API_AUDIENCE]
    token, end = tokens.issue(holder, seconds, bound, tuple(audiences))
    spec = {**asked, "audiences": audiences, "expirationSeconds": seconds}
    meta = {**obj["metadata"], "name": name, "namespace": namespace, "uid": holder.uid}
    meta["creationTimestamp"] = timestamp()
    return {**obj, "metadata": meta, "spec": spec, "status": {"token": token, "expirationTimestamp": timestamp(end)}}


def _check_duration(seconds: int) -> None:
    """Refuses tokens that are good for too short or too long."""
    why = ""
    if seconds < _SHORTEST:
        why = "may not specify a duration less than 10 minutes"
    elif seconds > _LONGEST:
        why = "may not specify a duration larger than 2^32 seconds"
    if why:
        causes = [invalid("spec.expirationSeconds", seconds, why)]
        raise invalid_error("authentication.k8s.io", "TokenRequest", "", causes)


def _bound(api: Api, namespace: str, account: str, ref: Obj) -> Holder:
    """What a token is to be bound to."""
    kind, name = ref.get("kind", ""), ref.get("name", "")
    plural = _BINDABLE.get((ref.get("apiVersion", ""), kind))
    if plural is None:
        about = f"{ref.get('apiVersion', '')}, Kind={kind}"
        raise bad_request(f'cannot bind token for serviceaccount "{account}" to object type {about}')
    found = api.store.get(f"core/{plural}", namespace, name)
    if found is None:
        raise not_found("", plural, name)
    uid = found["metadata"]["uid"]
    if ref.get("uid", uid) != uid:
        why = f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record"
        raise conflict("", plural, name, f"{why}. The object might have been deleted and then recreated")
    return Holder(f"core/{plural}", namespace, name, uid)


def evict(api: Api, pods: Resource, namespace: str, name: str) -> Obj:
    """Deletes a Pod; budgets are not looked at.

    Raises:
        ApiError: 404.
    """
    delete(api, pods, namespace, name, DeleteOptions())
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
