"""Series of a canary of which only some exist at a time: those that are no longer true go."""

import threading
from collections.abc import Mapping
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry, Gauge

__all__ = ["ChangingSeries", "Target"]

Target: TypeAlias = tuple[str, str]
"""Name and namespace of a canary's target, the labels that all series of a canary have."""
_TARGET: Final = ("name", "namespace")


class ChangingSeries:
    """A gauge with the labels of a target and some more, whose values change along. Safe for many threads."""

    def __init__(self, name: str, help_text: str, labels: tuple[str, ...], registry: CollectorRegistry) -> None:
        """Makes one without series.

        Args:
            name: Of the metric.
            help_text: What its values are.
            labels: Those besides the target's.
            registry: Where it is shown.
        """
        self._gauge = Gauge(name, help_text, [*_TARGET, *labels], registry=registry)
        self._lock = threading.Lock()
        self._present: dict[Target, frozenset[tuple[str, ...]]] = {}

    def replace(self, target: Target, values: Mapping[tuple[str, ...], float]) -> None:
        """Have these series for a target, and no others.

        Args:
            target: Whose.
            values: By the labels besides the target's.
        """
        with self._lock:
            for labels in self._present.get(target, frozenset()) - values.keys():
                self._gauge.remove(*target, *labels)
            for labels, value in values.items():
                self._gauge.labels(*target, *labels).set(value)
            if values:
                self._present[target] = frozenset(values)
            else:
                self._present.pop(target, None)
