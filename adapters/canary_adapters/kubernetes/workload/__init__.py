"""Target and primary on Kubernetes: Deployments, or Services."""

from collections.abc import Iterator, Sequence
from typing import Final

from canary_adapters.extensions import Right
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    PODS,
    REPLICA_SETS,
    SECRETS,
    SERVICES,
    Ref,
)
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.workload.configs import ConfigDigests, ConfigKind, ConfigRef, referenced_configs
from canary_adapters.kubernetes.workload.deployment import DeploymentWorkload
from canary_adapters.kubernetes.workload.fingerprints import Fingerprints
from canary_adapters.kubernetes.workload.service import ServiceWorkload
from canary_adapters.kubernetes.workload.troubles import Troubles
from canary_adapters.manifests import Canary

__all__ = [
    "WORKLOAD_RIGHTS",
    "ConfigDigests",
    "ConfigKind",
    "ConfigRef",
    "DeploymentWorkload",
    "Fingerprints",
    "ServiceWorkload",
    "Troubles",
    "referenced_configs",
    "workload_port",
    "workload_refs",
]

WORKLOAD_RIGHTS: Final = (
    Right(DEPLOYMENTS, ("get", "list", "watch", "create", "update", "patch", "delete")),
    Right(REPLICA_SETS, ("list",)),
    Right(SERVICES, ("list", "watch")),
    Right(CONFIG_MAPS, ("get", "list", "watch", "create", "delete")),
    Right(SECRETS, ("get", "list", "watch", "create", "delete")),
    Right(HORIZONTAL_POD_AUTOSCALERS, ("list", "watch", "create", "update")),
    Right(PODS, ("list",)),
)
"""What targets and primaries of all kinds need."""


def workload_refs(canary: Canary) -> Iterator[Ref]:
    """The target and primary of a canary, and their autoscalers; not the configuration, which the target names."""
    names = ObjectNames.of(canary)
    for name in (names.target, names.primary):
        yield DEPLOYMENTS, names.namespace, name
        yield SERVICES, names.namespace, name
    scaler = canary.spec.autoscaler_ref
    if scaler is not None:
        for name in (scaler.name, f"{scaler.name}-primary"):
            yield HORIZONTAL_POD_AUTOSCALERS, names.namespace, name


def workload_port(
    cluster: Cluster,
    canary: Canary,
    settings: ObjectSettings,
    fingerprints: Fingerprints,
    *,
    former: Sequence[str] = (),
    troubles: Troubles | None = None,
) -> DeploymentWorkload | ServiceWorkload:
    """The workloads of a canary, for one tick.

    Args:
        cluster: Reads and writes.
        canary: As it is declared now; its kinds are among those that are served.
        settings: What the installation decides.
        fingerprints: Shared by all.
        former: Names of targets that were declared before.
        troubles: Says why pods do not run. None: nobody asks them.
    """
    if canary.spec.target_ref.kind == SERVICES.kind:
        return ServiceWorkload(cluster, canary, settings)
    return DeploymentWorkload(cluster, canary, settings, fingerprints, former=former, troubles=troubles)
