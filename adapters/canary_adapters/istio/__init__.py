"""Istio: a split of traffic as VirtualService and DestinationRules."""

from canary_adapters.istio.router import IstioRouter

__all__ = ["IstioRouter"]
