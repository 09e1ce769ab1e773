"""What people do in a namespace: they make, change and delete objects, through the API server and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

from attrs import frozen

from canary_adapters.kubernetes.answers import AbsentError
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.resources import Obj, Resource
from canary_ports import ConflictError

__all__ = ["Hands"]

Change = Callable[[Obj], None]
"""Changes an object in place."""


@frozen
class Hands:
    """Whoever may do everything in a namespace. Nothing here asks whether an object is still as it was."""

    api: Api
    namespace: str

    def make(self, resource: Resource, obj: Obj) -> None:
        """Create an object."""
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        self.api._send("POST", resource.path(self.namespace), body=body)

    def look(self, resource: Resource, name: str) -> Obj | None:
        """An object as it is now. None: there is none."""
        return self.api.read(resource, self.namespace, name)

    def patch(self, resource: Resource, name: str, changes: Obj, *, subresource: str = "") -> None:
        """Change fields of an object, as a JSON merge patch does; of none if it is gone."""
        head = {"Content-Type": "application/merge-patch+json"}
        path = resource.path(self.namespace, name, subresource)
        try:
            self.api._send("PATCH", path, headers=head, body=changes)
        except AbsentError:
            return

    def subresource(self, resource: Resource, name: str, subresource: str, body: Obj) -> None:
        """Create a subresource of an object, such as an eviction; nothing if it is gone."""
        try:
            self.api._send("POST", resource.path(self.namespace, name, subresource), body=body)
        except AbsentError:
            return

    def edit(self, resource: Resource, name: str, change: Change, *, subresource: str = "") -> bool:
        """Read an object, change it and write it back, until nobody writes in between.

        Returns:
            Whether there is such an object.
        """
        while True:
            found = self.look(resource, name)
            if found is None:
                return False
            before = json.dumps(found, sort_keys=True)
            change(found)
            if json.dumps(found, sort_keys=True) == before:
                return True
            try:
                self.api._send("PUT", resource.path(self.namespace, name, subresource), body=found)
            except (ConflictError, AbsentError):
                continue
            return True

    def delete(self, resource: Resource, name: str) -> None:
        """Delete an object, if there is one."""
        try:
            self.api._send("DELETE", resource.path(self.namespace, name))
        except AbsentError:
            return
