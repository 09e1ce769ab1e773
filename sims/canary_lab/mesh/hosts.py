"""The names of a Service."""

from __future__ import annotations

__all__ = ["spellings"]


def spellings(service: str, namespace: str, seen_from: str) -> tuple[str, ...]:
    """All names of a Service, as they can be used in a namespace."""
    name = f"{service}.{namespace}"
    short = (service,) if seen_from == namespace else ()
    return (*short, name, f"{name}.svc", f"{name}.svc.cluster.local")
