"""What an installation decides about the objects of all its canaries."""

from attrs import field, frozen

from canary_adapters.kubernetes.naming import LabelFilter
from canary_adapters.kubernetes.selector import DEFAULT_SELECTOR_LABELS

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
