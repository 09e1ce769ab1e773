"""All that serves canaries in this process: found by entry points, and what it watches and may do, taken together."""

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeVar

from attrs import frozen

from canary_adapters.extensions import Extension, Right
from canary_adapters.kubernetes.resources import CANARIES, CONFIG_MAPS, EVENTS, SECRETS, Ref, Resource
from canary_adapters.kubernetes.workload import WORKLOAD_RIGHTS, workload_refs
from canary_adapters.manifests import Canary, Served, provider_of
from canary_ports import MetricSource, Notifier, RefusedError, RouterPort

__all__ = ["CONFIGS", "Registry"]

CONFIGS: Final = (CONFIG_MAPS, SECRETS)
"""Watched only where configuration belongs to a revision."""
OWN_RIGHTS: Final = (
    Right(CANARIES, ("get", "list", "watch", "patch")),
    Right(CANARIES, ("update",), "status"),
    Right(CANARIES, ("update",), "finalizers"),
    Right(EVENTS, ("create", "patch")),
    *WORKLOAD_RIGHTS,
)
"""What the controller needs whatever moves the traffic."""
_OURS: Final = "canary-core"
Made = TypeVar("Made")


def _found(group: str) -> dict[str, Extension[Made]]:
    """Those of an entry-point group by name. Nobody takes the place of one of our own."""

    def foreign(point: EntryPoint) -> tuple[bool, str]:
        name = point.dist.name if point.dist is not None else ""
        return name != _OURS, name

    found: dict[str, Extension[Made]] = {}
    for point in sorted(entry_points(group=group), key=foreign):
        if point.name not in found:
            found[point.name] = point.load()()
    return found


@frozen(kw_only=True)
class Registry:
    """The extensions of a process."""

    routers: Mapping[str, Extension[RouterPort]]
    """By what ``spec.provider`` calls them."""
    metrics: Mapping[str, Extension[MetricSource]]
    """By what the provider of a MetricTemplate calls its type."""
    notifiers: Mapping[str, Extension[Notifier]]

    @classmethod
    def load(cls) -> "Registry":
        """All that are installed."""
        return cls(
            routers=_found("canary.routers"),
            metrics=_found("canary.metrics"),
            notifiers=_found("canary.notifiers"),
        )

    @property
    def served(self) -> Served:
        """The names of what is served."""
        return Served(providers=tuple(sorted(self.routers)), metrics=tuple(sorted(self.metrics)))

    def router(self, provider: str) -> Extension[RouterPort]:
        """What moves the traffic of a provider.

        Raises:
            RefusedError: Nothing does.
        """
        found = self.routers.get(provider)
        if found is None:
            known = ", ".join(sorted(self.routers))
            raise RefusedError(
                "ProviderUnknown", f"spec.provider {provider} is not supported: it must be one of {known}"
            )
        return found

    def rights(self) -> tuple[Right, ...]:
        """All that the process needs."""
        return (*OWN_RIGHTS, *(right for each in self._every() for right in each.rights))

    def watched(self, *, tracks: bool = True) -> tuple[Resource, ...]:
        """The kinds of which there is a cache, each once.

        Args:
            tracks: Whether configuration belongs to a revision; without, no right to watch it is needed.
        """
        kinds = dict.fromkeys(right.resource for right in self.rights() if right.is_watched)
        return tuple(kind for kind in kinds if tracks or kind not in CONFIGS)

    def refs(self, canary: Canary, *, mesh_provider: str) -> Iterator[Ref]:
        """The objects that a canary depends on, as far as the Canary itself names them."""
        yield from workload_refs(canary)
        router = self.routers.get(provider_of(canary, mesh_provider))
        if router is not None:
            yield from router.refs(canary)
        for each in (*self.metrics.values(), *self.notifiers.values()):
            yield from each.refs(canary)

    def close(self) -> None:
        """Close what they hold."""
        for each in self._every():
            each.close()

    def _every(self) -> Iterator[Extension[object]]:
        yield from self.routers.values()
        yield from self.metrics.values()
        yield from self.notifiers.values()
