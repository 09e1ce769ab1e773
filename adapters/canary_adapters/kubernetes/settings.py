"""What an installation decides about the objects of all its canaries."""

from attrs import field, frozen

from canary_adapters.kubernetes.naming import LabelFilter
from canary_adapters.kubernetes.selector import DEFAULT_SELECTOR_LABELS
from canary_adapters.manifests.hosts import CLUSTER_DOMAIN

__all__ = ["ObjectSettings"]


@frozen(kw_only=True)
class ObjectSettings:
    """Flags of the controller that concern Kubernetes objects."""

    selector_labels: tuple[str, ...] = DEFAULT_SELECTOR_LABELS
    """Labels that may tell target and primary apart, most wanted first."""
    copied: LabelFilter = field(factory=LabelFilter)
    """Which labels and annotations are copied."""
    track_configs: bool = True
    """Whether ConfigMaps and Secrets belong to a revision and are cloned for the primary."""
    cross_namespace_hosts: bool = False
    """Whether hosts may name Services of other namespaces."""
    gateways: tuple[str, ...] | None = None
    """Gateways of other namespaces that may be named, ``namespace/name`` or ``namespace/*``. None: all."""
    cluster_domain: str = CLUSTER_DOMAIN
    """What the full names of the cluster's Services end with."""
