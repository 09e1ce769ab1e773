"""Target and primary on Kubernetes: Deployments, or Services."""

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.workload.configs import ConfigDigests, ConfigKind, ConfigRef, referenced_configs
from canary_adapters.kubernetes.workload.deployment import DeploymentWorkload, Fingerprints
from canary_adapters.kubernetes.workload.service import ServiceWorkload
from canary_adapters.manifests import Canary
from canary_ports import RefusedError, WorkloadPort

__all__ = [
    "ConfigDigests",
    "ConfigKind",
    "ConfigRef",
    "DeploymentWorkload",
    "Fingerprints",
    "ServiceWorkload",
    "referenced_configs",
    "workload_port",
]


def workload_port(
    cluster: Cluster, canary: Canary, settings: ObjectSettings, fingerprints: Fingerprints
) -> WorkloadPort:
    """The workloads of a canary, for one tick.

    Raises:
        RefusedError: The target, or its autoscaler, is of a kind that is not served.
    """
    kind = canary.spec.target_ref.kind
    if kind == "Deployment":
        return DeploymentWorkload(cluster, canary, settings, fingerprints)
    if kind == "Service":
        return ServiceWorkload(cluster, canary, settings)
    raise RefusedError(
        "TargetKindUnsupported", f"spec.targetRef.kind {kind} is not supported: it must be Deployment or Service"
    )
