"""The CustomResourceDefinitions of Canary, MetricTemplate and AlertProvider, made from the types that read them."""

from canary_adapters.kubernetes.crds.definitions import definitions

__all__ = ["definitions"]
