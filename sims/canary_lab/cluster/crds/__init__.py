"""Definitions that a cluster needs besides its own kinds: Istio's, as far as routing uses them."""

from importlib.resources import files

__all__ = ["istio"]


def istio() -> str:
    """VirtualService and DestinationRule, as YAML for ``kubectl apply``."""
    return files(__package__).joinpath("istio.yaml").read_text("utf-8")
