"""A cluster whose writes the API server judges and does not keep: what is written is seen here, and by nobody else.

Whoever writes through it meets what would be stored, field by field, as if it were: defaults, what is pruned, what
webhooks change. A write that is refused is noted and taken for done, so that all that is wrong is found at once.
https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
"""

import json
from typing import Any, Final, TypeAlias

from attrs import frozen

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import SERVICES, Obj, Ref, Resource
from canary_ports import ConflictError, RefusedError

__all__ = ["Draft", "DryRun", "Heard"]

_OF_THE_SERVER: Final = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")
"""Metadata that an object must not, or need not, have before it is made."""
_UNANSWERED: Final = "does not support dry run"
"""What the API server says of a webhook that was not asked, as it would do more than look."""


@frozen(kw_only=True)
class Draft:
    """A write that was judged."""

    ref: Ref
    sent: Obj
    came: Obj
    """What would be stored. If it is refused: what was sent."""
    refusal: RefusedError | None = None
    in_doubt: bool = False
    """Whether somebody wrote in between, so that this says nothing."""


Heard: TypeAlias = dict[str, Draft]
"""What the API server has answered, by what was sent."""


class DryRun(Cluster):
    """Reads what a cluster has and what was written here. For one thread, and for a moment."""

    def __init__(self, inner: Cluster, heard: Heard | None = None) -> None:
        """Makes one; nothing is sent yet.

        Args:
            inner: What there really is.
            heard: Is not asked again, and is added to. None: nothing is known yet.
        """
        super().__init__(inner.api)
        self._inner = inner
        self._drafted: dict[Ref, Obj | None] = {}
        self._heard: Heard = {} if heard is None else heard
        self.drafts: list[Draft] = []
        """What was written, in order."""

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """One object, as it would be."""
        ref = resource, namespace, name
        return self._drafted[ref] if ref in self._drafted else self._inner.get(*ref)

    def list(self, resource: Resource, namespace: str) -> list[Obj]:
        """All objects of a kind in a namespace, as they would be."""
        found: dict[str, Obj | None] = {obj["metadata"]["name"]: obj for obj in self._inner.list(resource, namespace)}
        found |= {
            name: obj for (kind, place, name), obj in self._drafted.items() if (kind, place) == (resource, namespace)
        }
        return [obj for obj in found.values() if obj is not None]

    def read(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """One object, as it would be."""
        return self.get(resource, namespace, name)

    def create(self, resource: Resource, namespace: str, body: Obj) -> Obj:
        """Have an object judged that is to be made."""
        return self._judge(resource, namespace, body)

    def replace(self, resource: Resource, body: Obj, *, subresource: str = "") -> Obj:
        """Have an object judged that is to be put in the place of another one. Of subresources there is none."""
        if subresource:
            raise NotImplementedError(subresource)
        return self._judge(resource, body["metadata"]["namespace"], body)

    def patch(self, resource: Resource, obj: Obj, changes: Obj, *, subresource: str = "") -> Obj:
        """Have some fields of an object judged (JSON merge patch, RFC 7386)."""
        return self.replace(resource, _merged(obj, changes), subresource=subresource)

    def delete(self, resource: Resource, obj: Obj) -> None:
        """Take an object for gone. Nobody is asked."""
        metadata = obj["metadata"]
        self._drafted[resource, metadata["namespace"], metadata["name"]] = None

    # -- Inside -----------------------------------------------------------------------------------------------------

    def _judge(self, resource: Resource, namespace: str, body: Obj) -> Obj:
        ref = resource, namespace, body["metadata"]["name"]
        real = self._inner.get(*ref)
        sent = _without(body, () if real is not None else _OF_THE_SERVER)
        if real is None and resource == SERVICES:
            sent["spec"] = _without_address(sent["spec"])
        if real is not None:
            sent["metadata"]["resourceVersion"] = real["metadata"]["resourceVersion"]
        text = json.dumps([resource.path(namespace), sent], sort_keys=True, default=str)
        draft = self._heard.get(text)
        if draft is None:
            draft = self._heard[text] = self._asked(ref, sent, exists=real is not None)
        self.drafts.append(draft)
        self._drafted[ref] = draft.came
        return draft.came

    def _asked(self, ref: Ref, sent: Obj, *, exists: bool) -> Draft:
        resource, namespace, name = ref
        taken = {**sent, "metadata": {**sent["metadata"], "namespace": namespace}}
        try:
            came = self.api.judge(resource, namespace, sent, exists=exists)
        except RefusedError as error:
            refusal = None if _UNANSWERED in error.message else error
            return Draft(ref=ref, sent=sent, came=taken, refusal=refusal)
        except ConflictError:
            return Draft(ref=ref, sent=sent, came=taken, in_doubt=True)
        metadata = {"uid": "", **came["metadata"], "namespace": namespace, "name": name}
        metadata.pop("managedFields", None)
        return Draft(ref=ref, sent=sent, came={**came, "metadata": metadata})


def _without(body: Obj, keys: tuple[str, ...]) -> Obj:
    return {**body, "metadata": {key: value for key, value in body["metadata"].items() if key not in keys}}


def _without_address(spec: Obj) -> Obj:
    """A Service without the address that a dry run has given it: that is kept for nobody, and another may have it."""
    if spec.get("clusterIP") in {None, "", "None"}:
        return spec
    return {key: value for key, value in spec.items() if key not in {"clusterIP", "clusterIPs"}}


def _merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    found = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = _merged(found.get(key), value)
    return found
