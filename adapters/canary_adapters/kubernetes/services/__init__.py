"""The Services of a canary, and routing by them alone."""

from canary_adapters.kubernetes.services.router import ServiceRouter
from canary_adapters.kubernetes.services.services import Services, last_applied

__all__ = ["ServiceRouter", "Services", "last_applied"]
