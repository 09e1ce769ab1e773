"""The kinds of objects that are read and written, and where the API server has them."""

from typing import Any, Final, TypeAlias
from urllib.parse import quote

from attrs import frozen

__all__ = [
    "ALERT_PROVIDERS",
    "CANARIES",
    "CONFIG_MAPS",
    "DEPLOYMENTS",
    "EVENTS",
    "HORIZONTAL_POD_AUTOSCALERS",
    "LEASES",
    "METRIC_TEMPLATES",
    "PODS",
    "REPLICA_SETS",
    "SECRETS",
    "SERVICES",
    "Obj",
    "Ref",
    "Resource",
]

Obj: TypeAlias = dict[str, Any]
"""An object as the API server sends it: JSON. What comes from a cache is shared and must not be changed."""


@frozen(kw_only=True)
class Resource:
    """A kind of namespaced object."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    metadata_only: bool = False
    """Whether only the metadata is read and watched: the contents are large, or none of our business."""

    @property
    def api_version(self) -> str:
        """As it stands in ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def is_custom(self) -> bool:
        """Whether a server may do without it: it comes with a CustomResourceDefinition."""
        return "." in self.group and not self.group.endswith(".k8s.io")

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The path of a collection, an object or a subresource.

        Args:
            namespace: None: all namespaces.
            name: Empty: the collection.
            subresource: Such as ``status``.
        """
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root, *(("namespaces", quote(namespace, safe="")) if namespace is not None else ()), self.plural]
        parts += [quote(part, safe="") for part in (name, subresource) if part]
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


Ref: TypeAlias = tuple[Resource, str, str]
"""Kind, namespace and name of an object."""


def _flagger(plural: str, kind: str) -> Resource:
    return Resource(group="flagger.app", version="v1beta1", plural=plural, kind=kind)


CANARIES: Final = _flagger("canaries", "Canary")
METRIC_TEMPLATES: Final = _flagger("metrictemplates", "MetricTemplate")
ALERT_PROVIDERS: Final = _flagger("alertproviders", "AlertProvider")
DEPLOYMENTS: Final = Resource(group="apps", version="v1", plural="deployments", kind="Deployment")
REPLICA_SETS: Final = Resource(group="apps", version="v1", plural="replicasets", kind="ReplicaSet")
SERVICES: Final = Resource(group="", version="v1", plural="services", kind="Service")
CONFIG_MAPS: Final = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap", metadata_only=True)
SECRETS: Final = Resource(group="", version="v1", plural="secrets", kind="Secret", metadata_only=True)
PODS: Final = Resource(group="", version="v1", plural="pods", kind="Pod")
EVENTS: Final = Resource(group="", version="v1", plural="events", kind="Event")
LEASES: Final = Resource(group="coordination.k8s.io", version="v1", plural="leases", kind="Lease")
HORIZONTAL_POD_AUTOSCALERS: Final = Resource(
    group="autoscaling", version="v2", plural="horizontalpodautoscalers", kind="HorizontalPodAutoscaler"
)
