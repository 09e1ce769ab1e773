"""What the full names of a cluster's Services end with, as the Pod that this runs in is told."""

from pathlib import Path
from typing import Final

from canary_adapters.manifests.hosts import CLUSTER_DOMAIN

__all__ = ["cluster_domain"]

RESOLVER: Final = Path("/etc/resolv.conf")


def cluster_domain(resolver: Path = RESOLVER) -> str:
    """The domain of the cluster: that of the entry ``svc.DOMAIN`` in the list of domains to try short names with.

    https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-dns-config

    Args:
        resolver: Configuration of the resolver.

    Returns:
        ``cluster.local``: It does not say, as outside of a cluster.
    """
    try:
        lines = resolver.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return CLUSTER_DOMAIN
    for line in lines:
        keyword, *domains = line.split() or [""]
        found = [domain.removeprefix("svc.").rstrip(".") for domain in domains if domain.startswith("svc.")]
        if keyword == "search" and found:
            return found[0].lower()
    return CLUSTER_DOMAIN
