"""DELETE: options and preconditions, finalizers, grace, and what it answers with."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from canary_lab.cluster.api import Api, expiry
from canary_lab.cluster.errors import (
    ApiError,
    Cause,
    conflict,
    details,
    invalid,
    not_found,
    options_error,
    unsupported,
)
from canary_lab.cluster.kinds.views import to_view
from canary_lab.cluster.resources import Resource
from canary_lab.cluster.store import Obj

_FINALIZERS = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}


@frozen
class DeleteOptions:
    """What a client may say about a deletion."""

    policy: str = ""
    """Background, Foreground, Orphan; empty for the default of the kind, which is Background."""
    grace: int | None = None
    """Seconds until a Pod is killed."""
    uid: str = ""
    version: str = ""
    dry_run: bool = False


def read_options(body: Obj, query: dict[str, str]) -> DeleteOptions:
    """The options of a request from its body and query.

    Raises:
        ApiError: 422.
    """
    policy = body.get("propagationPolicy") or query.get("propagationPolicy") or ""
    orphan = body.get("orphanDependents")
    causes: list[Cause] = []
    if policy and orphan is not None:
        causes.append(
            invalid("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set")
        )
    elif policy not in ("", "Background", *_FINALIZERS):
        causes.append(unsupported("propagationPolicy", policy, ("Foreground", "Background", "Orphan", "nil")))
    if causes:
        raise options_error("DeleteOptions", *causes)
    conditions = body.get("preconditions") or {}
    grace = body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    dry = body.get("dryRun") or query.get("dryRun")
    return DeleteOptions(
        policy=policy or ("Orphan" if orphan else ""),
        grace=None if grace is None else int(grace),
        uid=conditions.get("uid") or "",
        version=conditions.get("resourceVersion") or "",
        dry_run=bool(dry),
    )


def delete(api: Api, resource: Resource, namespace: str, name: str, options: DeleteOptions) -> Obj:
    """Deletes an object, or marks it for deletion; answers with a Status or with the object if it stays.

    Raises:
        ApiError: 404, or 409 if a precondition does not hold.
    """
    old = api.store.get(resource.store, namespace, name)
    if old is None:
        raise not_found(resource.group, resource.plural, name)
    _check_preconditions(resource, old, options)
    strategy = api.strategies.of(resource)
    finalizers = _finalizers(old, options.policy)
    grace = _grace(old, options) if resource.kind == "Pod" else 0
    if resource.kind == "Namespace":
        new = _marked(old, finalizers, None, counts=False)
        new["status"] = {**old["status"], "phase": "Terminating"}
        return to_view(resource, _put(api, resource, new, old, options))
    if finalizers or grace:
        if resource.kind == "CustomResourceDefinition":
            old = _terminating(old)
        new = _marked(old, finalizers, grace, counts=True)
        return to_view(resource, _put(api, resource, new, old, options))
    last = _marked(old, [], 0, counts=False) if resource.kind == "Pod" else old
    gone = last if options.dry_run else api.store.remove(resource.store, namespace, name, last)
    if strategy.answers_deleted_object:
        return to_view(resource, gone)
    about = details(name, resource.group, resource.plural, uid=old["metadata"]["uid"])
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": about}


def _check_preconditions(resource: Resource, old: Obj, options: DeleteOptions) -> None:
    meta = old["metadata"]
    why = ""
    if options.uid and options.uid != meta["uid"]:
        why = f"the UID in the precondition ({options.uid}) does not match the UID in record ({meta['uid']})."
        why += " The object might have been deleted and then recreated"
    elif options.version and options.version != meta["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({options.version}) does not match the ResourceVersion in record "
        )
        why += f"({meta['resourceVersion']}). The object might have been modified"
    if why:
        raise conflict(resource.group, resource.kind, meta["name"], why)


def _finalizers(old: Obj, policy: str) -> list[str]:
    kept = [f for f in old["metadata"].get("finalizers") or () if not policy or f not in _FINALIZERS.values()]
    return [*kept, _FINALIZERS[policy]] if policy in _FINALIZERS else kept


def _grace(old: Obj, options: DeleteOptions) -> int:
    """A Pod that no node has, or that has ended, goes at once."""
    if not old["spec"].get("nodeName") or old["status"].get("phase") in ("Failed", "Succeeded"):
        return 0
    return int(old["spec"].get("terminationGracePeriodSeconds", 30) if options.grace is None else options.grace)


def _marked(old: Obj, finalizers: list[str], grace: int | None, *, counts: bool) -> Obj:
    meta: dict[str, Any] = {**old["metadata"]}
    if "deletionTimestamp" not in meta:
        meta["deletionTimestamp"] = expiry(grace or 0)
        if grace is not None:
            meta["deletionGracePeriodSeconds"] = grace
        if counts and meta.get("generation"):
            meta["generation"] += 1
    elif grace == 0 and meta.get("deletionGracePeriodSeconds"):
        meta["deletionGracePeriodSeconds"] = 0
    meta.pop("finalizers", None)
    if finalizers:
        meta["finalizers"] = finalizers
    return {**old, "metadata": meta}


def _terminating(definition: Obj) -> Obj:
    status = dict(definition["status"])
    now = {"lastTransitionTime": expiry(0), "reason": "InstanceDeletionPending"}
    message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
    condition = {"type": "Terminating", "status": "True", **now, "message": message}
    status["conditions"] = [c for c in status.get("conditions") or () if c["type"] != "Terminating"] + [condition]
    return {**definition, "status": status}


def _put(api: Api, resource: Resource, new: Obj, old: Obj, options: DeleteOptions) -> Obj:
    if options.dry_run or new == old:
        return new
    return api.store.put(resource.store, new)


def delete_options_error(body: Obj) -> ApiError | None:
    """400 if the body of a DELETE is of another kind."""
    kind, version = body.get("kind", "DeleteOptions"), body.get("apiVersion", "v1")
    if kind == "DeleteOptions":
        return None
    scheme = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"
    return ApiError(400, "BadRequest", f'no kind "{kind}" is registered for version "{version}" in scheme "{scheme}"')
