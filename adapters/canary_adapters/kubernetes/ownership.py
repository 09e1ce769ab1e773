"""Whose an object is, looked at before each write: what somebody else made is left alone, unless it is given to us.

Every object that is made for a canary is written here. What belongs to people and is only scaled or given back (the
target, the apex Service), to the canary itself (its status and finalizer) or to the controller (events, the lease) is
not.
"""

import enum
from collections.abc import Mapping
from typing import Any, Final

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import UNWATCHED_BY_TOOLKIT, is_owned_by, owner_reference
from canary_adapters.kubernetes.resources import (
    CANARIES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    SECRETS,
    SERVICES,
    Obj,
    Resource,
)
from canary_adapters.manifests import Canary
from canary_ports import RefusedError

__all__ = ["REASONS", "Owner", "Ownership", "made_for", "owner_of"]

_PREFIX: Final = "canary-core/"
"""What labels and annotations begin with by which objects of ours are known when their owner was taken away."""
_BY_FLAGGER: Final = "flagger-id"
"""Annotation of the pods of primaries that Flagger made."""


class Owner(enum.Enum):
    """Whose an object is, as a canary sees it."""

    CANARY = enum.auto()
    """Made for this canary."""
    NAMESAKE = enum.auto()
    """Made for one that had its name, and is gone."""
    LOST = enum.auto()
    """Nobody's, but with the marks of what we or Flagger make: left when a canary was deleted without its objects."""
    NOBODY = enum.auto()
    """Made by a person or a tool, and controlled by nothing."""
    OTHER = enum.auto()
    """Controlled by something else."""


def owner_of(obj: Obj, canary: Canary) -> Owner:
    """Whose an object is."""
    if is_owned_by(obj, canary):
        return Owner.CANARY
    if _controller(obj) is not None:
        return Owner.NAMESAKE if made_for(obj) == canary.name else Owner.OTHER
    return Owner.LOST if _has_marks(obj) else Owner.NOBODY


def made_for(obj: Obj) -> str | None:
    """The name of the canary for which an object was made, this one or another. None: for none."""
    owner = _controller(obj) or {}
    group = str(owner.get("apiVersion") or "").partition("/")[0]
    return owner.get("name") if (group, owner.get("kind")) == (CANARIES.group, CANARIES.kind) else None


class Ownership:
    """Writes the objects of one canary, and leaves alone what is somebody else's."""

    def __init__(self, cluster: Cluster, canary: Canary, *, advice: Mapping[Resource, str] | None = None) -> None:
        """Makes one for a tick.

        Args:
            cluster: Reads and writes.
            canary: As it is declared now.
            advice: What people can do about objects of kinds that belong to a router.
        """
        self._cluster, self._canary = cluster, canary
        self._advice = {**_ADVICE, **(advice or {})}

    def is_foreign(self, live: Obj | None, *, given: bool = False) -> bool:
        """Whether an object is not to be touched.

        Args:
            live: As it is. None: it does not exist.
            given: Whether it is one that people may have made for us to take over, as the apex Service.
        """
        if live is None:
            return False
        owner = owner_of(live, self._canary)
        return owner is Owner.OTHER or (owner is Owner.NOBODY and not given)

    def refusal(self, resource: Resource, live: Obj | None, *, given: bool = False) -> RefusedError | None:
        """Why an object is not to be touched; see `is_foreign`. None: it may be."""
        if live is None or not self.is_foreign(live, given=given):
            return None
        metadata, owner = live["metadata"], _controller(live) or {}
        whose = f"belongs to {owner.get('kind')} {owner.get('name')}" if owner else "was made by somebody else"
        reason = REASONS.get(resource, f"{resource.kind}NotOurs")
        advice = self._advice.get(resource, "delete it, and it is made anew")
        where = f"{resource.kind.lower()} {metadata['name']}.{metadata['namespace']}"
        return RefusedError(reason, f"{where} {whose}; {advice}")

    def check(self, resource: Resource, live: Obj | None, *, given: bool = False) -> None:
        """Refuse to touch what is somebody else's; see `is_foreign`.

        Raises:
            RefusedError: It is.
        """
        refusal = self.refusal(resource, live, given=given)
        if refusal is not None:
            raise refusal

    def remove(self, resource: Resource, live: Obj | None) -> None:
        """Take away what was made for this very canary; anything else is left as it is.

        Raises:
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        if live is not None and owner_of(live, self._canary) is Owner.CANARY:
            self._cluster.delete(resource, live)

    def put(self, resource: Resource, wanted: Obj, live: Obj | None, *, given: bool = False) -> Obj:
        """Have an object as it should be.

        Args:
            resource: Its kind.
            wanted: As it should be; ``live`` itself if it is so already.
            live: As it is. None: it does not exist.
            given: See `is_foreign`.

        Returns:
            What came of it.

        Raises:
            RefusedError: It is somebody else's; it is as it was.
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        if live is None:
            return self._cluster.create(resource, self._canary.namespace, wanted)
        if wanted is live:
            return live
        self.check(resource, live, given=given)
        return self._cluster.replace(resource, self._taken_over(wanted, live))

    def _taken_over(self, wanted: Obj, live: Obj) -> Obj:
        """With this canary for owner in the place of one that had its name: else it would go as garbage."""
        if owner_of(live, self._canary) is not Owner.NAMESAKE:
            return wanted
        metadata = wanted["metadata"]
        others = [each for each in metadata["ownerReferences"] if not each.get("controller")]
        return {**wanted, "metadata": {**metadata, "ownerReferences": [*others, owner_reference(self._canary)]}}


_ADVICE: Final[Mapping[Resource, str]] = {
    DEPLOYMENTS: "delete it, or name another target",
    SERVICES: "delete it, or choose another spec.service.name",
    HORIZONTAL_POD_AUTOSCALERS: "delete it, or leave spec.autoscalerRef out",
}
"""What people can do, by kind, besides deleting it, after which it is made anew."""
REASONS: Final[Mapping[Resource, str]] = {
    DEPLOYMENTS: "PrimaryNotOurs",
    HORIZONTAL_POD_AUTOSCALERS: "AutoscalerNotOurs",
    CONFIG_MAPS: "ConfigNotOurs",
    SECRETS: "ConfigNotOurs",
}
"""Reasons, by kind, where they are not made of the name of the kind."""


def _controller(obj: Obj) -> Obj | None:
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def _has_marks(obj: Obj) -> bool:
    metadata = obj["metadata"]
    annotations: Mapping[str, Any] = metadata.get("annotations") or {}
    keys = [*annotations, *(metadata.get("labels") or {})]
    template = ((obj.get("spec") or {}).get("template") or {}).get("metadata") or {}
    return (
        any(key.startswith(_PREFIX) for key in keys)
        or UNWATCHED_BY_TOOLKIT.items() <= annotations.items()
        or _BY_FLAGGER in (template.get("annotations") or {})
    )
