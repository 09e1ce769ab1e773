"""The Services of a canary, and routing by them alone."""

from canary_adapters.kubernetes.services.extension import SERVICE_RIGHTS, ServiceExtension, service_refs
from canary_adapters.kubernetes.services.ports import reachability
from canary_adapters.kubernetes.services.router import ServiceRouter
from canary_adapters.kubernetes.services.services import Services

__all__ = [
    "SERVICE_RIGHTS",
    "ServiceExtension",
    "ServiceRouter",
    "Services",
    "reachability",
    "service_refs",
]
