# ruff: noqa: D102
# `keys` and `look` are described in `Controller`.
"""Namespaces: what a new one holds, and how one that goes away is emptied."""

from __future__ import annotations

from collections.abc import Iterable

from canary_lab.cluster.api import Write
from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.controllers.base import Controller
from canary_lab.cluster.deletion import DeleteOptions, delete
from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.store import Event, Key, Obj, clone

NAMESPACES = ("", "v1", "namespaces")
_MANAGER = "kube-controller-manager"
_CONTENT = {
    "serviceaccounts": {"metadata": {"name": "default"}},
    "configmaps": {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": ""}},
}


class Namespaces(Controller):
    """Fills new namespaces and empties those that are deleted."""

    store = "core/namespaces"

    def keys(self, event: Event) -> Iterable[Key]:
        if event.store == self.store:
            yield event.key
        elif event.key[0] and event.type != "ADDED":
            namespace = self.api.store.get(self.store, "", event.key[0])
            if namespace and "deletionTimestamp" in namespace["metadata"]:
                yield ("", event.key[0])

    def look(self, key: Key) -> None:
        namespace = self.api.store.get(self.store, *key)
        if namespace is None:
            return
        if "deletionTimestamp" in namespace["metadata"]:
            self._empty(key[1])
        else:
            self._fill(key[1])

    def _fill(self, name: str) -> None:
        for plural, obj in _CONTENT.items():
            if self.api.store.get(f"core/{plural}", name, obj["metadata"]["name"]) is None:
                self.api.make(("", "v1", plural), name, clone(obj), manager=_MANAGER)

    def _empty(self, name: str) -> None:
        for store, key, obj in self.api.store.everything():
            if key[0] == name and "deletionTimestamp" not in obj["metadata"]:
                resource = self.api.registry.of_store(store)
                if resource:
                    delete(self.api, resource, name, key[1], DeleteOptions())
        left = [obj for _, key, obj in self.api.store.everything() if key[0] == name]
        if left:
            self.api.change(NAMESPACES, "", name, lambda o: _explain(o, left), subresource="status")
        else:
            self._finish(name)

    def _finish(self, name: str) -> None:
        resource = self.api.registry.get(*NAMESPACES)
        if resource is None:
            return

        def done(old: Obj | None) -> Obj:
            new = clone(old or {})
            new["spec"].pop("finalizers", None)
            return new

        try:
            self.api.update(resource, "", name, done, Write(subresource="finalize"))
        except ApiError as e:
            if e.code != 404:
                raise


def _explain(namespace: Obj, left: list[Obj]) -> None:
    """Says in conditions why a namespace is still there."""
    held = any(o["metadata"].get("finalizers") for o in left)
    remain = ("SomeFinalizersRemain", "Some content in the namespace has finalizers remaining")
    none = ("ContentHasNoFinalizers", "All content-preserving finalizers finished")
    facts = [
        ("NamespaceDeletionDiscoveryFailure", False, "ResourcesDiscovered", "All resources successfully discovered"),
        ("NamespaceDeletionGroupVersionParsingFailure", False, "ParsedGroupVersions", "All legacy kube types parsed"),
        ("NamespaceDeletionContentFailure", False, "ContentDeleted", "All content successfully deleted"),
        ("NamespaceContentRemaining", True, "SomeResourcesRemain", f"Some resources are remaining: {len(left)}"),
        ("NamespaceFinalizersRemaining", held, *(remain if held else none)),
    ]
    old = {c["type"]: c for c in namespace["status"].get("conditions") or ()}
    namespace["status"]["conditions"] = [
        {
            "type": type_,
            "status": str(is_),
            "lastTransitionTime": old.get(type_, {}).get("lastTransitionTime", timestamp()),
            "reason": reason,
            "message": message,
        }
        for type_, is_, reason, message in facts
    ]
