"""Istio: a split of traffic as VirtualService and DestinationRules."""

from canary_adapters.istio.extension import IstioExtension
from canary_adapters.istio.router import IstioRouter

__all__ = ["IstioExtension", "IstioRouter"]
