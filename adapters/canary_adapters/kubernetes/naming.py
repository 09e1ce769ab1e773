"""What the objects of a canary are called, and whose they are."""

from typing import Final

from attrs import frozen

from canary_adapters.kubernetes.resources import CANARIES, Obj
from canary_adapters.manifests import Canary

__all__ = [
    "REVISION",
    "TEMPLATE",
    "TOOLKIT",
    "UNWATCHED_BY_TOOLKIT",
    "LabelFilter",
    "ObjectNames",
    "is_owned_by",
    "owner_reference",
    "owning_canary",
]

REVISION: Final = "canary-core/revision"
"""Annotation of a primary: the fingerprint of the target that it was last made from."""
TEMPLATE: Final = "canary-core/template"
"""Annotation of a primary Deployment: the fingerprint of its own template, as it came of the last write of ours."""
TOOLKIT: Final = "toolkit.fluxcd.io"
"""Keys of labels and annotations with this in them belong to Flux and are never copied."""
UNWATCHED_BY_TOOLKIT: Final = {
    "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
    "helm.toolkit.fluxcd.io/driftDetection": "disabled",
}
"""Annotations of generated objects that keep Flux from putting them back."""


@frozen(kw_only=True)
class ObjectNames:
    """Names of the objects of one canary, all in its namespace."""

    namespace: str
    target: str
    """The workload that the user owns."""
    apex: str
    """The Service that clients use, and the VirtualService."""

    @classmethod
    def of(cls, canary: Canary) -> "ObjectNames":
        """Those of a canary."""
        target = canary.spec.target_ref.name
        return cls(namespace=canary.namespace, target=target, apex=canary.spec.service.name or target)

    @property
    def primary(self) -> str:
        """The workload that is made from the target."""
        return f"{self.target}-primary"

    @property
    def apex_primary(self) -> str:
        """The Service of the primary, and its DestinationRule."""
        return f"{self.apex}-primary"

    @property
    def apex_canary(self) -> str:
        """The Service of the canary, and its DestinationRule."""
        return f"{self.apex}-canary"


@frozen(kw_only=True)
class LabelFilter:
    """Which labels and annotations of the user's objects go on to those that are made from them.

    A key passes if it begins with one of the prefixes, or if one of them is ``*``; keys of Flux never pass. Without
    prefixes nothing passes.
    """

    prefixes: tuple[str, ...] = ()

    def __call__(self, given: "dict[str, str] | None") -> dict[str, str]:
        """The part that passes."""
        every = "*" in self.prefixes
        return {
            key: value
            for key, value in (given or {}).items()
            if TOOLKIT not in key and (every or any(key.startswith(prefix) for prefix in self.prefixes if prefix))
        }


def owner_reference(canary: Canary) -> Obj:
    """What makes an object go when its canary goes."""
    return {
        "apiVersion": canary.api_version,
        "kind": canary.kind,
        "name": canary.name,
        "uid": canary.metadata.uid or "",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_owned_by(obj: Obj, canary: Canary) -> bool:
    """Whether an object was made for this canary (and not for another one that had its name)."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return any(owner.get("controller") and owner.get("uid") == canary.metadata.uid for owner in owners)


def owning_canary(obj: Obj | None) -> str | None:
    """UID of the canary that an object was made for. None: it was not, or is not there."""
    owners = (obj or {"metadata": {}})["metadata"].get("ownerReferences") or ()
    uids = (owner.get("uid") for owner in owners if owner.get("controller") and owner.get("kind") == CANARIES.kind)
    return next(uids, None)
