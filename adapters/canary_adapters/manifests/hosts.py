"""Whose Service a host of a VirtualService is, and whose Gateway a name of one is, by the rules of Istio.

Istio reads a host without a dot as a Service of the VirtualService's own namespace, and every other one as it is
written. With the full name of a Service it has that Service's traffic; and a sidecar gives each Service the shorter
names ``app.other`` and ``app.other.svc`` as well, but only those that no VirtualService has claimed before. So each of
these forms takes the requests of another namespace's Service away from it:
https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService
https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
"""

import ipaddress
from itertools import pairwise
from typing import Final

from attrs import frozen

__all__ = ["CLUSTER_DOMAIN", "MESH", "SEVERAL", "GatewayName", "ServiceName", "foreign_namespace_of", "short_name_of"]

MESH: Final = "mesh"
"""The gateway that stands for all sidecars."""
SEVERAL: Final = "*"
"""In the place of a namespace: a host that may be that of Services of any namespace."""
CLUSTER_DOMAIN: Final = "cluster.local"
_SVC: Final = "svc"


def foreign_namespace_of(host: str, namespace: str, *, cluster_domain: str = CLUSTER_DOMAIN) -> str | None:
    """The other namespace whose Services a host names by its form alone.

    Args:
        host: As it stands in a VirtualService; upper case and a dot at the end make no difference.
        namespace: That of the VirtualService.
        cluster_domain: What the names of Services end with; only hosts such as ``*.example.com`` depend on it.

    Returns:
        `SEVERAL`: Addresses, and wildcards that span namespaces. None: it names no Service of another one, or at most
        by its short form (see `short_name_of`).
    """
    text = _plain(host)
    if text == "*" or _is_address(text):
        return SEVERAL
    labels = text.split(".")
    if len(labels) == 1:
        return None
    if text.startswith("*"):
        return _spanned(text[1:], namespace, cluster_domain)
    return next((place for place in _places(labels) if place != namespace), None)


@frozen(kw_only=True)
class ServiceName:
    """A Service, or a Pod of one, that a host would name if there is such a Service."""

    namespace: str
    name: str
    of_pod: bool
    """Whether it would name a Pod: only Services without an address of their own give names to Pods."""


def short_name_of(host: str, namespace: str) -> ServiceName | None:
    """The Service of another namespace that ``app.other`` names if it exists; it may as well be a public name.

    Args:
        host: As it stands in a VirtualService.
        namespace: That of the VirtualService.

    Returns:
        None: It cannot be such a name.
    """
    labels = _plain(host).split(".")
    if len(labels) == 1 or labels[0].startswith("*") or _is_address(_plain(host)) or list(_places(labels)):
        return None
    name, place = labels[-2:]
    if not name or not place or place == namespace:
        return None
    return ServiceName(namespace=place, name=name, of_pod=len(labels) > 2)


@frozen(kw_only=True)
class GatewayName:
    """A Gateway of Istio, wherever it is."""

    namespace: str
    name: str

    @classmethod
    def of(cls, written: str, namespace: str) -> "GatewayName | None":
        """The one that is written: ``name``, ``namespace/name``, ``./name``, or the old ``name.namespace[.svc...]``.

        Args:
            written: As it stands in a VirtualService.
            namespace: That of the VirtualService.

        Returns:
            None: No Gateway, but the sidecars.
        """
        if written == MESH:
            return None
        place, slash, name = written.partition("/")
        if slash:
            return cls(namespace=namespace if place == "." else place, name=name)
        name, dot, rest = written.partition(".")
        return cls(namespace=rest.partition(".")[0] if dot else namespace, name=name)

    def is_one_of(self, allowed: tuple[str, ...]) -> bool:
        """Whether a list of ``namespace/name`` and ``namespace/*`` has it."""
        return f"{self.namespace}/{self.name}" in allowed or f"{self.namespace}/*" in allowed

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def _plain(host: str) -> str:
    text = host.strip().lower()
    if text.count(":") == 1:  # a port, which Istio refuses, changes nothing of what is meant
        text = text.partition(":")[0]
    return text.rstrip(".")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _places(labels: list[str]) -> list[str]:
    """The namespaces that stand before ``svc``: of a Service, or of a Pod of one."""
    return [before for before, label in pairwise(labels[1:]) if label == _SVC]


def _spanned(rest: str, namespace: str, cluster_domain: str) -> str | None:
    """The same for all names that end with a text of which the first label may be incomplete."""
    labels = rest.split(".")
    if labels[1] == _SVC or f".{_SVC}.{_plain(cluster_domain)}".endswith(rest):
        return SEVERAL
    return next((place for place in _places(labels) if place != namespace), None)
