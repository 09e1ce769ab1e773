"""Requests for resources: from a parsed request to an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from canary_lab.cluster import scales
from canary_lab.cluster.api import Api, Transform, Write
from canary_lab.cluster.auth import Tokens, User
from canary_lab.cluster.bodies import cannot_handle, check_kind, read_body
from canary_lab.cluster.codec import DecodeError, Decoder
from canary_lab.cluster.deletion import DeleteOptions, delete, delete_options_error, read_options
from canary_lab.cluster.errors import (
    ApiError,
    Cause,
    NotServed,
    bad_request,
    details,
    forbidden,
    no_method,
    no_resource,
    not_found,
    options_error,
    qualified,
    required,
    too_long,
    unsupported,
)
from canary_lab.cluster.lists import ListOptions, list_objects
from canary_lab.cluster.lists import read_options as read_list_options
from canary_lab.cluster.negotiate import Format, choose
from canary_lab.cluster.patching import APPLY, applier, check_type, patcher
from canary_lab.cluster.rbac import Rbac
from canary_lab.cluster.requests import Info
from canary_lab.cluster.resources import Registry, Resource
from canary_lab.cluster.reviews import evict, issue_token, review
from canary_lab.cluster.store import Obj, clone
from canary_lab.cluster.watches import Watch

SCALE = "autoscaling/v1.Scale"
_DEPRECATED = {"Endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"}
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")


@frozen
class Call:
    """One request for a resource."""

    info: Info
    query: Mapping[str, str]
    headers: Mapping[str, str]
    user: User
    body: bytes = b""
    warnings: list[str] = field(factory=list)
    """What goes into Warning headers."""

    @property
    def content_type(self) -> str:
        """The Content-Type header."""
        return self.headers.get("Content-Type", "")


@frozen
class Answer:
    """What is sent back: an object, a text, or a stream of events."""

    body: Any = None
    code: int = 200
    format: Format = field(factory=Format)
    watch: Watch | None = None
    text: str | None = None


def find_resource(registry: Registry, info: Info) -> Resource:
    """The resource of a request.

    Raises:
        ApiError: 404 or 405, in a group that is known.
        NotServed: nothing is there.
    """
    resource = registry.get(info.group, info.version, info.resource)
    if resource is None:
        raise no_resource() if info.group in registry.built_in_groups else NotServed
    if info.namespace and not resource.namespaced:
        raise NotServed if resource.custom else no_resource()
    if resource.namespaced and not info.namespace:
        if info.name:
            raise NotServed if resource.custom else no_resource()
        if info.verb not in ("list", "watch"):
            raise no_method()
    return resource


class Handlers:
    """Answers requests for resources."""

    def __init__(self, api: Api, rbac: Rbac, tokens: Tokens) -> None:
        self._api, self._rbac, self._tokens = api, rbac, tokens

    def handle(self, call: Call) -> Answer:
        """The answer to a request.

        Raises:
            ApiError: an answer that is an error.
        """
        info = call.info
        resource = find_resource(self._api.registry, info)
        if resource.kind in _DEPRECATED:
            call.warnings.append(_DEPRECATED[resource.kind])
        self._check_path(resource, info)
        many = info.verb in ("list", "watch")
        include = call.query.get("includeObject", "")
        format_ = choose(call.headers.get("Accept", ""), resource, include, streams=many)
        if many:
            return self._read_many(call, resource, format_)
        handler = {
            "get": self._get,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_many,
        }[info.verb]
        return handler(call, resource, format_)

    @staticmethod
    def _check_path(resource: Resource, info: Info) -> None:
        """Whether there is such a path and method below a resource."""
        if info.subresource and info.subresource not in resource.subresources:
            raise not_found(resource.group, resource.plural, info.name) if resource.custom else no_resource()
        verbs = resource.subresources[info.subresource].verbs if info.subresource else resource.verbs
        if info.verb in ("update", "patch") and not info.name:
            if resource.custom and info.verb == "update":
                raise bad_request("name must be provided")
            raise no_method()
        if info.verb in verbs and not (info.verb == "create" and info.name and not info.subresource):
            return
        if resource.custom and info.verb in ("create", "delete"):
            what = qualified(resource.plural, resource.group)
            why = f'{info.verb} is not supported on resources of kind "{what}"'
            raise ApiError(405, "MethodNotAllowed", why, details("", resource.group, resource.plural))
        raise no_method()

    # -- reading ---------------------------------------------------------------------------------------------------

    def _read_many(self, call: Call, resource: Resource, format_: Format) -> Answer:
        info = call.info
        options = read_list_options(call.query, resource, info.name, watch=info.verb == "watch")
        if info.verb == "watch":
            return Answer(watch=Watch(self._api, resource, info.namespace, options, format_))
        items, meta = list_objects(self._api.store, resource, info.namespace, options)
        return Answer(format_.many(resource, items, meta), format=format_)

    def _get(self, call: Call, resource: Resource, format_: Format) -> Answer:
        obj = self._api.get(resource, call.info.namespace, call.info.name)
        if call.info.subresource == "log":
            return Answer(text="")
        if call.info.subresource == "scale":
            return Answer(scales.read(resource, obj), format=Format(format_.media))
        return Answer(format_.one(resource, obj), format=format_)

    # -- writing ---------------------------------------------------------------------------------------------------

    def _create(self, call: Call, resource: Resource, format_: Format) -> Answer:
        info = call.info
        how, validation = self._how(call, "CreateOptions")
        if info.subresource:
            return self._ask(call, resource)
        obj, messages = self._api.codec.from_request(resource, call.body, call.content_type)
        if resource.kind.endswith("Review"):
            return Answer(review(self._rbac, self._tokens, call.user, resource.kind, obj), 201)
        _report(resource, call, messages, validation)
        self._rbac.require_grantable(
            call.user, resource.plural, {**obj, "metadata": {**obj["metadata"], "namespace": info.namespace}}
        )
        created = self._api.create(resource, info.namespace, obj, how)
        return Answer(format_.one(resource, created), 201, format_)

    def _ask(self, call: Call, resource: Resource) -> Answer:
        """A POST to a subresource."""
        info, sub = call.info, resource.subresources[call.info.subresource]
        if sub.name == "eviction":
            return Answer(evict(self._api, resource, info.namespace, info.name), 201)
        if sub.name != "token":
            raise no_method()
        value = read_body(call.body, call.content_type, sub.kind, "authentication/v1.TokenRequest")
        obj = Decoder().decode("authentication/v1.TokenRequest", value)
        obj = {"kind": sub.kind, "apiVersion": f"{sub.group}/{sub.version}", **obj}
        return Answer(issue_token(self._api, self._tokens, info.namespace, info.name, obj), 201)

    def _update(self, call: Call, resource: Resource, format_: Format) -> Answer:
        info = call.info
        how, validation = self._how(call, "UpdateOptions")
        if info.subresource == "scale":
            value = read_body(call.body, call.content_type, "Scale", SCALE)
            return self._write_scale(call, resource, how, lambda _: self._scale(value))
        obj, messages = self._api.codec.from_request(resource, call.body, call.content_type)
        _report(resource, call, messages, validation)
        return self._store(call, resource, format_, lambda _: clone(obj), how)

    def _patch(self, call: Call, resource: Resource, format_: Format) -> Answer:
        info = call.info
        type_ = check_type(resource, call.content_type)
        how, validation = self._how(call, "PatchOptions", apply=type_ == APPLY)
        if type_ == APPLY:
            force = call.query.get("force") in ("true", "1")
            transform = applier(self._api, resource, info.name, call.body, how, force=force)
            return self._store(call, resource, format_, transform, how)
        if info.subresource == "scale":
            patch = patcher(self._api, resource, type_, call.body, lambda v: (self._scale(v), []), validation, how)
            return self._write_scale(call, resource, how, patch)
        codec = self._api.codec
        patch = patcher(self._api, resource, type_, call.body, lambda v: codec.decode(resource, v), validation, how)
        if self._api.store.get(resource.store, info.namespace, info.name) is None:
            raise not_found(resource.group, resource.plural, info.name)
        return self._store(call, resource, format_, patch, how)

    def _store(self, call: Call, resource: Resource, format_: Format, transform: Transform, how: Write) -> Answer:
        obj, created = self._api.update(resource, call.info.namespace, call.info.name, transform, how)
        return Answer(format_.one(resource, obj), 201 if created else 200, format_)

    @staticmethod
    def _scale(value: Any) -> Obj:
        check_kind(value, "Scale", "autoscaling", "autoscaling/v1")
        decoded: Obj = Decoder().decode(SCALE, value)
        return decoded

    def _write_scale(self, call: Call, resource: Resource, how: Write, make: Transform) -> Answer:
        def transform(old: Obj | None) -> Obj:
            if old is None:
                raise not_found(resource.group, resource.plural, call.info.name)
            try:
                return scales.write(resource, old, make(scales.read(resource, old)))
            except DecodeError as e:
                raise cannot_handle(resource, str(e)) from e

        obj, _ = self._api.update(resource, call.info.namespace, call.info.name, transform, how)
        return Answer(scales.read(resource, obj))

    def _how(self, call: Call, kind: str, *, apply: bool = False) -> tuple[Write, str]:
        """How to write, from the query.

        Raises:
            ApiError: 422.
        """
        query = call.query
        dry, manager = query.get("dryRun", ""), query.get("fieldManager", "")
        validation = query.get("fieldValidation", "")
        causes: list[Cause] = []
        if dry not in ("", "All"):
            causes.append(unsupported("dryRun", [dry], ("All",)))
        if len(manager) > 128:
            causes.append(too_long("fieldManager", 128))
        if validation not in _VALIDATIONS:
            causes.append(unsupported("fieldValidation", validation, _VALIDATIONS))
        if apply and not manager:
            causes.append(required("fieldManager", "is required for apply patch"))
        if kind == "PatchOptions" and not apply and "force" in query:
            causes.append(forbidden("force", "may not be specified for non-apply patch"))
        if causes:
            raise options_error(kind, *causes)
        manager = manager or call.headers.get("User-Agent", "").partition("/")[0] or "unknown"
        operation = "Apply" if apply else "Update"
        whole = kind == "UpdateOptions"
        return Write(manager, bool(dry), call.info.subresource, operation, whole, call.warnings), validation

    # -- deleting --------------------------------------------------------------------------------------------------

    @staticmethod
    def _delete_options(call: Call) -> DeleteOptions:
        options = ("DeleteOptions", "meta/v1.DeleteOptions")
        body = read_body(call.body, call.content_type, *options) if call.body else {}
        if error := delete_options_error(body):
            raise error
        return read_options(body, dict(call.query))

    def _delete(self, call: Call, resource: Resource, format_: Format) -> Answer:
        options = self._delete_options(call)
        found = delete(self._api, resource, call.info.namespace, call.info.name, options)
        return Answer(format_.one(resource, found), format=format_)

    def _delete_many(self, call: Call, resource: Resource, format_: Format) -> Answer:
        options = self._delete_options(call)
        selection: ListOptions = read_list_options(call.query, resource, watch=False)
        items, meta = list_objects(self._api.store, resource, call.info.namespace, selection)
        for item in items:
            delete(self._api, resource, call.info.namespace, item["metadata"]["name"], options)
        return Answer(format_.many(resource, items, meta), format=format_)


def _report(resource: Resource, call: Call, messages: list[str], validation: str) -> None:
    """Unknown fields: refused if the client is strict, else a warning."""
    if validation == "Strict" and messages:
        raise cannot_handle(resource, "strict decoding error: " + ", ".join(messages))
    if validation != "Ignore":
        call.warnings.extend(messages)
