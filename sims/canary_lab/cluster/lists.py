"""Lists: selectors, pages, and versions of the past."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from canary_lab.cluster.bodies import parse_json
from canary_lab.cluster.errors import ApiError, Cause, bad_request, expired, forbidden, options_error
from canary_lab.cluster.kinds.views import field_path, to_view
from canary_lab.cluster.resources import META_FIELDS, Resource
from canary_lab.cluster.selectors import FieldRequirement, Selector, matches, parse_fields, parse_labels
from canary_lab.cluster.store import Expired, Obj, Store

_REFERENCE = "kind namespace name uid apiVersion resourceVersion fieldPath"
_EVENT = {"reason", "reportingComponent", "source", "type"} | {f"involvedObject.{n}" for n in _REFERENCE.split()}
_NEW_EVENT = {"reason", "reportingController", "type"} | {f"regarding.{n}" for n in _REFERENCE.split()}
_POD = "nodeName restartPolicy schedulerName serviceAccountName hostNetwork"
_FIELDS: dict[tuple[str, str], set[str]] = {
    ("", "Event"): _EVENT,
    ("events.k8s.io", "Event"): _NEW_EVENT,
    ("", "Namespace"): {"status.phase"},
    ("", "Node"): {"spec.unschedulable"},
    ("", "Pod"): {"status.phase", "status.podIP", "status.nominatedNodeName"} | {f"spec.{n}" for n in _POD.split()},
    ("", "Secret"): {"type"},
    ("", "Service"): {"spec.clusterIP", "spec.type"},
    ("apps", "ReplicaSet"): {"status.replicas"},
}


@frozen
class ListOptions:
    """What a client asks of a list or a watch."""

    labels: Selector = ()
    fields: tuple[FieldRequirement, ...] = ()
    limit: int = 0
    token: str = ""
    """The continue token."""
    version: str = ""
    match: str = ""
    timeout: float | None = None
    bookmarks: bool = False
    initial: bool | None = None
    """sendInitialEvents."""
    selects: bool = field(default=False)
    """Whether there is a selector, which hides the number of remaining items."""

    def matches(self, obj: Mapping[str, Any]) -> bool:
        """Whether a stored object is selected."""
        return matches(self.labels, obj["metadata"].get("labels")) and all(f.matches(obj) for f in self.fields)


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if text and not text.lstrip("-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text or 0)


def read_options(query: Mapping[str, str], resource: Resource, name: str = "", *, watch: bool) -> ListOptions:
    """The options of a request.

    Raises:
        ApiError: 400 or 422.
    """
    limit, timeout = _number(query, "limit"), _number(query, "timeoutSeconds")
    initial = {"true": True, "1": True, "false": False, "0": False}.get(query.get("sendInitialEvents", ""))
    _check_match(query, initial, watch=watch)
    labels = parse_labels(query.get("labelSelector", ""))
    fields = _supported(resource, parse_fields(query.get("fieldSelector", "")))
    if name:
        fields += (FieldRequirement("metadata.name", name, equal=True),)
    return ListOptions(
        labels=labels,
        fields=fields,
        limit=limit,
        token=query.get("continue", ""),
        version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        timeout=timeout or None,
        bookmarks=query.get("allowWatchBookmarks") in ("true", "1"),
        initial=initial,
        selects=bool(labels or fields),
    )


def _check_match(query: Mapping[str, str], initial: bool | None, *, watch: bool) -> None:
    match, version = query.get("resourceVersionMatch"), query.get("resourceVersion")
    where, causes = "resourceVersionMatch", list[Cause]()
    if watch and match and initial is None:
        causes.append(
            forbidden(where, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        )
    elif watch and initial is not None and match != "NotOlderThan":
        causes.append(forbidden(where, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    if not watch and match and not version:
        causes.append(forbidden(where, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if not watch and initial is not None:
        causes.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if causes:
        raise options_error("ListOptions", *causes)


def _supported(resource: Resource, fields: tuple[FieldRequirement, ...]) -> tuple[FieldRequirement, ...]:
    special = _FIELDS.get((resource.group, resource.kind))
    known = META_FIELDS | (special or set())
    for f in fields:
        if f.path not in known:
            if special is None and not resource.custom:
                raise bad_request(
                    f'"{f.path}" is not a known field selector: only "metadata.name", "metadata.namespace"'
                )
            raise bad_request(f"field label not supported: {f.path}")
    return tuple(FieldRequirement(field_path(resource, f.path), f.value, f.equal) for f in fields)


def list_objects(store: Store, resource: Resource, namespace: str, options: ListOptions) -> tuple[list[Obj], Obj]:
    """The selected objects, or a page of them, and the metadata of the list.

    Raises:
        ApiError: 400 or 410 or 504.
    """
    version, start = _read_token(options) if options.token else (_version(store, options), ("", ""))
    try:
        found = (
            store.all(resource.store, namespace) if version is None else store.at(resource.store, version, namespace)
        )
    except Expired as e:
        raise _too_old(options, start) from e
    shown = store.rv if version is None else version
    items = [o for o in found if _key(o) > start and options.matches(o)]
    meta: Obj = {"resourceVersion": str(shown)}
    if resource.custom:
        meta = {"continue": "", **meta}
    if options.limit and len(items) > options.limit and not _is_from_cache(options):
        meta["continue"] = _token(shown, _key(items[options.limit - 1]))
        if not options.selects:
            meta["remainingItemCount"] = len(items) - options.limit
        items = items[: options.limit]
    return [to_view(resource, o) for o in items], meta


def _is_from_cache(options: ListOptions) -> bool:
    """Whether any state will do, which a real server has in memory and gives out whole, whatever the limit."""
    return options.version == "0" and not options.token and options.match != "Exact"


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _version(store: Store, options: ListOptions) -> int | None:
    """The version to list at; None is the present."""
    text = options.version
    if not text:
        return None
    if not text.isdigit():
        why = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise bad_request(f"invalid resource version: {why}")
    if int(text) > store.rv:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        why = f"Timeout: Too large resource version: {text}, current: {store.rv}"
        raise ApiError(504, "Timeout", why, {"causes": [cause], "retryAfterSeconds": 1})
    return int(text) if options.match == "Exact" else None


def _token(version: int, last: tuple[str, str]) -> str:
    raw = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(last) + "\u0000"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _read_token(options: ListOptions) -> tuple[int | None, tuple[str, str]]:
    if options.version not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    try:
        raw = base64.urlsafe_b64decode(options.token + "=" * (-len(options.token) % 4))
        value = parse_json(raw.decode("latin-1"))
        namespace, _, name = value["start"].rstrip("\0").rpartition("/")
    except (ValueError, binascii.Error, KeyError, TypeError) as e:
        raise bad_request(f"invalid continue token: continue key is not valid: {e}") from e
    return (None if value["rv"] < 0 else value["rv"]), (namespace, name)


def _too_old(options: ListOptions, start: tuple[str, str]) -> ApiError:
    if not options.token:
        return expired("The resourceVersion for the provided list is too old.")
    why = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list."
    )
    return expired(why, **{"continue": _token(-1, start)})
