"""Reading and writing of objects as the server does it, below HTTP: what clients and the own controllers go through."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from canary_lab.cluster import managed
from canary_lab.cluster.admission import Admission, admitted
from canary_lab.cluster.bodies import Codec
from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.errors import (
    ApiError,
    bad_request,
    conflict,
    exists,
    forbidden_error,
    invalid,
    invalid_error,
    not_found,
)
from canary_lab.cluster.ids import new_uid, random_suffix
from canary_lab.cluster.kinds import Strategies, Strategy
from canary_lab.cluster.kinds.custom import CustomStrategy
from canary_lab.cluster.kinds.simple import check_new_event
from canary_lab.cluster.kinds.views import from_view, to_view
from canary_lab.cluster.names import check_immutable, check_metadata, check_metadata_update, finalizer_warnings
from canary_lab.cluster.resources import Registry, Resource
from canary_lab.cluster.shapes import Shape, go_shape
from canary_lab.cluster.store import Obj, Store, clone

Transform = Callable[[Obj | None], Obj]
"""Makes the new state of an object from the old one; both as the resource shows them."""


@frozen
class Write:
    """How something is written."""

    manager: str = "kube-controller-manager"
    dry_run: bool = False
    subresource: str = ""
    operation: str = "Update"
    whole: bool = True
    """Whether an object is replaced (PUT), rather than changed in parts (PATCH)."""
    warnings: list[str] = field(factory=list)
    """Filled while it is written."""


class Api:
    """All objects, with the rules of their kinds."""

    def __init__(self, store: Store, registry: Registry, strategies: Strategies) -> None:
        self.store, self.registry, self.strategies = store, registry, strategies
        self.codec = Codec(strategies)
        self.redefined: list[Callable[[str], None]] = []
        """Called with a store of custom resources whose definition was replaced."""
        self.admissions: list[Admission] = []
        """Asked in turn about everything that is created or changed, whoever does it."""

    # -- reading ---------------------------------------------------------------------------------------------------

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        """An object as the resource shows it.

        Raises:
            ApiError: 404.
        """
        found = self.store.get(resource.store, namespace, name)
        if found is None:
            raise not_found(resource.group, resource.plural, name)
        return to_view(resource, found)

    def shape(self, resource: Resource) -> Shape:
        """The shape of a resource's objects."""
        strategy = self.strategies.of(resource)
        return strategy.shape if isinstance(strategy, CustomStrategy) else go_shape(resource.go_type)

    # -- creating --------------------------------------------------------------------------------------------------

    def create(self, resource: Resource, namespace: str, obj: Obj, how: Write) -> Obj:
        """Stores a new object; `obj` is taken over.

        Raises:
            ApiError: whatever a POST can be answered with.
        """
        meta, strategy = obj["metadata"], self.strategies.of(resource)
        _take_namespace(resource, namespace, meta)
        self._admit(resource, namespace, obj)
        if meta.get("resourceVersion"):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        obj = _own_metadata(obj, strategy)
        obj = self.complete(resource, obj, strategy, new=True)
        obj = self._mutated(resource, "", obj, None, strategy)
        if managed.is_reset(obj):
            obj["metadata"].pop("managedFields")
        elif how.operation == "Update":  # before the server adds what nobody sent
            empty, _ = self.codec.decode(resource, {}) if not resource.custom else ({"metadata": {}}, [])
            managed.update(self.shape(resource), None, empty, obj, _manager(resource, how))
        strategy.prepare_create(obj)
        obj = self.settle(resource, obj)
        self._check_create(resource, obj, strategy, how)
        old = self.store.get(resource.store, namespace, obj["metadata"]["name"])
        if old is not None:
            raise exists(resource.group, resource.plural, meta["name"], deleting="deletionTimestamp" in old["metadata"])
        strategy.finish_create(obj)
        if how.dry_run:
            return to_view(resource, obj)
        return to_view(resource, self.store.put(resource.store, obj))

    def _admit(self, resource: Resource, namespace: str, obj: Obj) -> None:
        name = obj["metadata"].get("name", "")
        if resource.namespaced:
            found = self.store.get("core/namespaces", "", namespace)
            if found is None:
                raise not_found("", "namespaces", namespace)
            if "deletionTimestamp" in found["metadata"]:
                why = f"unable to create new content in namespace {namespace} because it is being terminated"
                about = f"namespace {namespace} is being terminated"
                cause = {"reason": "NamespaceTerminating", "message": about, "field": "metadata.namespace"}
                raise forbidden_error(resource.group, resource.plural, name, why, causes=[cause])
        if resource.custom:
            crd = self.store.get(
                "apiextensions.k8s.io/customresourcedefinitions", "", f"{resource.plural}.{resource.group}"
            )
            if crd and "deletionTimestamp" in crd["metadata"]:
                why = "create not allowed while custom resource definition is terminating"
                raise forbidden_error(resource.group, resource.plural, name, why)

    def complete(self, resource: Resource, obj: Obj, strategy: Strategy, *, new: bool) -> Obj:
        """The stored form of an object, with its defaults, written as Go would write it."""
        obj = from_view(resource, obj)
        if new and "status" in resource.subresources:
            obj.pop("status", None)
        if not resource.custom:
            obj = self.codec.rewrite(self._storage(resource), obj)
        return self._settled(resource, obj, strategy.default)

    def settle(self, resource: Resource, obj: Obj) -> Obj:
        """An object once more as Go would write it, after a change in place."""
        if resource.custom:
            return obj
        return self.codec.rewrite(self._storage(resource), obj)

    def _settled(self, resource: Resource, obj: Obj, change: Callable[[Obj], None]) -> Obj:
        """An object after a change in place; written anew only if that has changed anything, which costs the most."""
        changed = clone(obj)
        change(changed)
        return obj if changed == obj else self.settle(resource, changed)

    def _storage(self, resource: Resource) -> Resource:
        """The resource in whose form a view is stored."""
        if resource.group == "events.k8s.io":
            return self.registry.get("", "v1", "events") or resource
        if resource.kind == "HorizontalPodAutoscaler":
            return self.registry.get("autoscaling", "v2", resource.plural) or resource
        return resource

    def _mutated(self, resource: Resource, subresource: str, obj: Obj, old: Obj | None, strategy: Strategy) -> Obj:
        """An object as admission leaves it."""
        found = admitted(self.admissions, resource, subresource, obj, old)
        if found != obj:
            strategy.default(found)
        return self.settle(resource, found)

    def _check_create(self, resource: Resource, obj: Obj, strategy: Strategy, how: Write) -> None:
        if resource.group == "events.k8s.io" and (causes := check_new_event(obj)):
            raise invalid_error("", resource.kind, obj["metadata"].get("name", ""), causes)
        strict = _is_built_in(resource) and strategy.checks_finalizers
        causes = check_metadata(obj["metadata"], resource.kind, resource.group, strict=strict)
        causes = causes + strategy.check(obj) if obj["metadata"].get("name") else causes
        if causes:
            group = "" if resource.kind == "Event" else resource.group
            raise invalid_error(group, resource.kind, obj["metadata"].get("name", ""), causes)
        how.warnings.extend([*strategy.warnings(obj), *_finalizer_warnings(resource, obj["metadata"], {})])

    # -- changing --------------------------------------------------------------------------------------------------

    def update(
        self, resource: Resource, namespace: str, name: str, transform: Transform, how: Write
    ) -> tuple[Obj, bool]:
        """Changes an object; answers with its new state and whether it was created.

        Raises:
            ApiError: whatever a PUT or PATCH can be answered with.
        """
        strategy = self.strategies.of(resource)
        old = self.store.get(resource.store, namespace, name)
        if old is None:
            return self._update_absent(resource, namespace, name, transform, how), True
        new = transform(to_view(resource, old))
        _take_namespace(resource, namespace, new["metadata"])
        self._check_identity(resource, new, old, name, strategy, how)
        sent = new["metadata"]
        new = self._merge_parts(resource, new, old, strategy, how)
        self._check_update(resource, new, old, strategy, how, sent)
        if how.operation == "Update":
            self._note_manager(resource, new, old, how)
        strategy.finish_update(new, old)
        if _same(new, old):
            return to_view(resource, old), False
        if how.dry_run:
            return to_view(resource, new), False
        if _may_go(new):
            self.store.remove(resource.store, namespace, name, new)
            return to_view(resource, new), False
        return to_view(resource, self.store.put(resource.store, new)), False

    def _update_absent(self, resource: Resource, namespace: str, name: str, transform: Transform, how: Write) -> Obj:
        strategy = self.strategies.of(resource)
        if how.subresource or not (strategy.create_on_update or how.operation == "Apply"):
            raise not_found(resource.group, resource.plural, name)
        new = transform(None)
        if new["metadata"].get("name", name) != name:
            raise _wrong_name(new["metadata"]["name"], name)
        if uid := new["metadata"].get("uid"):
            why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            if how.whole:  # it has given the new object another one by then
                why = _not_of_uid(resource, namespace, name, uid, new_uid())
            raise conflict(resource.group, resource.plural, name, why)
        if not how.whole and new["metadata"].get("resourceVersion"):
            raise not_found(resource.group, resource.plural, name)
        new["metadata"].pop("resourceVersion", None)
        return self.create(resource, namespace, new, how)

    def _check_identity(
        self, resource: Resource, new: Obj, old: Obj, name: str, strategy: Strategy, how: Write
    ) -> None:
        """Names, version and, of a whole object, uid must be those of the stored object."""
        meta, was = new["metadata"], old["metadata"]
        meta.setdefault("name", name)
        if meta["name"] != name:
            raise _wrong_name(meta["name"], name)
        version = meta.get("resourceVersion", "")
        if version and not version.isdigit():
            raise ApiError(500, "", f'strconv.ParseUint: parsing "{version}": invalid syntax')
        if how.whole and meta.get("uid", was["uid"]) != was["uid"]:
            why = _not_of_uid(resource, was.get("namespace", ""), name, meta["uid"], was["uid"])
            raise conflict(resource.group, resource.plural, name, why)
        if not version and not strategy.unconditional_update:
            cause = invalid("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid_error(resource.group, resource.plural, name, [cause])
        if version and version != was["resourceVersion"]:
            raise conflict(resource.group, resource.plural, name)

    def _merge_parts(self, resource: Resource, new: Obj, old: Obj, strategy: Strategy, how: Write) -> Obj:
        """What this path may change from `new`, the rest from `old`."""
        new = from_view(resource, new)
        if how.subresource == "status":
            meta = old["metadata"]
            taken = ["managedFields", *(["annotations"] if strategy.status_takes_annotations else [])]
            meta = {k: v for k, v in meta.items() if k not in taken}
            meta |= {k: v for k, v in new["metadata"].items() if k in taken}
            status = {"status": new["status"]} if "status" in new else {}
            new = {**{k: v for k, v in old.items() if k != "status"}, **status, "metadata": meta}
            new = new if resource.custom else self.complete(resource, clone(new), strategy, new=False)
            return clone(self._mutated(resource, how.subresource, new, old, strategy))
        new = clone(new)
        _keep_metadata(new["metadata"], old["metadata"])
        if "status" in resource.subresources and how.subresource != "finalize":
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        new = self.complete(resource, new, strategy, new=False)
        new = self._mutated(resource, how.subresource, new, old, strategy)
        if how.subresource != "finalize":
            new = self._settled(resource, new, lambda obj: strategy.prepare_update(obj, old))
        if strategy.counts_generation and strategy.generation_rises(new, old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        return new

    def _check_update(self, resource: Resource, new: Obj, old: Obj, strategy: Strategy, how: Write, sent: Obj) -> None:
        built_in = _is_built_in(resource)
        if how.subresource == "status":
            causes = check_immutable(sent, old["metadata"]) if built_in else []
            causes = causes + strategy.check_status(new, old)
        else:
            causes = check_immutable(sent, old["metadata"])
            strict = built_in and strategy.checks_finalizers
            causes = causes + check_metadata_update(new["metadata"], old["metadata"], strict=strict)
            causes = causes + strategy.check_update(new, old)
        if causes:
            kind, group = resource.kind, resource.group
            if how.subresource == "scale":
                kind, group = "Scale", "autoscaling"
            raise invalid_error(group, kind, new["metadata"]["name"], causes)
        how.warnings.extend([*strategy.warnings(new), *_finalizer_warnings(resource, new["metadata"], old["metadata"])])

    def _note_manager(self, resource: Resource, new: Obj, old: Obj, how: Write) -> None:
        if managed.is_reset(new):
            new["metadata"].pop("managedFields")
            return
        managed.update(self.shape(resource), old, {}, new, _manager(resource, how))

    # -- conveniences of the own controllers -----------------------------------------------------------------------

    def change(
        self, kind: tuple[str, str, str], namespace: str, name: str, edit: Callable[[Obj], None], **how: Any
    ) -> Obj | None:
        """Lets `edit` change an object in place and stores it; None if it is gone."""
        resource = self.registry.get(*kind)
        old = self.store.get(resource.store, namespace, name) if resource is not None else None
        if resource is None or old is None:
            return None
        new = to_view(resource, clone(old))
        edit(new)
        if new == to_view(resource, old):  # controllers look far more often than they have anything to change
            return new
        return self.update(resource, namespace, name, lambda _: new, Write(**how))[0]

    def make(self, kind: tuple[str, str, str], namespace: str, obj: Obj, **how: Any) -> Obj:
        """Creates an object."""
        resource = self.registry.get(*kind)
        if resource is None:
            raise not_found("", kind[2], "")
        decoded, _ = self.codec.decode(resource, obj)
        return self.create(resource, namespace, decoded, Write(**how))


def _manager(resource: Resource, how: Write) -> managed.Manager:
    return managed.Manager(how.manager, how.operation, resource.api_version, how.subresource)


def _is_built_in(resource: Resource) -> bool:
    return not resource.custom and resource.group != "apiextensions.k8s.io"


def _finalizer_warnings(resource: Resource, new: Obj, old: Obj) -> list[str]:
    return finalizer_warnings(new, old) if resource.custom else []


def _place(resource: Resource) -> str:
    """Where etcd has the objects of a kind, as messages show it."""
    if resource.custom:
        return f"{resource.group}/{resource.plural}"
    return {"services": "services/specs", "endpoints": "services/endpoints"}.get(resource.plural, resource.plural)


def _not_of_uid(resource: Resource, namespace: str, name: str, sent: str, has: str) -> str:
    key = "/".join(("/registry", _place(resource), *([namespace] if namespace else []), name))
    detail = f"Precondition failed: UID in precondition: {sent}, UID in object meta: {has}"
    return f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {detail}"


def _wrong_name(has: str, wanted: str) -> ApiError:
    return bad_request(f"the name of the object ({has}) does not match the name on the URL ({wanted})")


def _take_namespace(resource: Resource, namespace: str, meta: Obj) -> None:
    if not resource.namespaced:
        meta.pop("namespace", None)
    elif meta.get("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    else:
        meta["namespace"] = namespace


def _own_metadata(obj: Obj, strategy: Strategy) -> Obj:
    """The metadata of a new object: what the server owns is set, whatever the client sent."""
    dropped = ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
    meta = {k: v for k, v in obj["metadata"].items() if k not in dropped}
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"][:58] + random_suffix()
    meta["uid"], meta["creationTimestamp"] = new_uid(), timestamp()
    if strategy.counts_generation:
        meta["generation"] = 1
    return {**obj, "metadata": meta}


def _keep_metadata(meta: Obj, old: Obj) -> None:
    names = (
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
        "generateName",
        "generation",
    )
    for name in names:
        meta.pop(name, None)
        if name in old:
            meta[name] = old[name]
    meta.pop("selfLink", None)
    if "managedFields" not in meta and "managedFields" in old:
        meta["managedFields"] = old["managedFields"]


def _same(new: Obj, old: Obj) -> bool:
    return {**new, "metadata": {**new["metadata"], "resourceVersion": ""}} == {
        **old,
        "metadata": {**old["metadata"], "resourceVersion": ""},
    }


def _may_go(new: Obj) -> bool:
    """Whether an object that is being deleted has nothing left that holds it."""
    meta = new["metadata"]
    if "deletionTimestamp" not in meta or meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return False
    held = (new.get("spec") or {}).get("finalizers") if new.get("kind") == "Namespace" else None
    return not held


def expiry(seconds: float) -> str:
    """The time that many seconds from now."""
    return timestamp(time.time() + seconds)
