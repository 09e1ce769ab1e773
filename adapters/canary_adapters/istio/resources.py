"""The kinds of Istio that are read and written."""

from typing import Final

from canary_adapters.kubernetes.resources import Resource

__all__ = ["DESTINATION_RULES", "VIRTUAL_SERVICES"]


def _istio(plural: str, kind: str) -> Resource:
    return Resource(group="networking.istio.io", version="v1beta1", plural=plural, kind=kind)


VIRTUAL_SERVICES: Final = _istio("virtualservices", "VirtualService")
DESTINATION_RULES: Final = _istio("destinationrules", "DestinationRule")
