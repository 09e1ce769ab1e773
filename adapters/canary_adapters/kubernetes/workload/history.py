"""Revisions of a target that are still there: templates in the ReplicaSets that its Deployment keeps.

Kubernetes keeps ``spec.revisionHistoryLimit`` of them (10 by default):
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy
"""

from collections.abc import Callable, Iterator
from typing import Final

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import REPLICA_SETS, Obj

__all__ = ["kept_revisions"]

HASH_LABEL: Final = "pod-template-hash"
"""Put into the template by the Deployment controller."""


def kept_revisions(cluster: Cluster, target: Obj, fingerprint: Callable[[Obj], str]) -> dict[str, Obj]:
    """The target as it would be with each template that is still there, by fingerprint. Asks the API server once.

    A revision counts as kept with the configuration as it is now: one whose ConfigMaps or Secrets have changed has
    another fingerprint, and is not found.

    Args:
        cluster: Reads.
        target: The Deployment as it is.
        fingerprint: Of a target.

    Raises:
        UnavailableError: They could not be read.
    """
    return {fingerprint(each): each for each in _earlier(cluster, target)}


def _earlier(cluster: Cluster, target: Obj) -> Iterator[Obj]:
    metadata = target["metadata"]
    for found in cluster.api.list(REPLICA_SETS, metadata["namespace"]).items:
        owners = found["metadata"].get("ownerReferences") or ()
        if any(owner.get("uid") == metadata["uid"] for owner in owners):
            yield {**target, "spec": {**target["spec"], "template": _as_declared(found["spec"]["template"])}}


def _as_declared(template: Obj) -> Obj:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}
