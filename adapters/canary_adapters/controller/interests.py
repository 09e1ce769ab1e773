"""Which objects a canary depends on, so that a change wakes the right canaries, and whose target it is."""

import threading
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.resources import (
    ALERT_PROVIDERS,
    DEPLOYMENTS,
    DESTINATION_RULES,
    HORIZONTAL_POD_AUTOSCALERS,
    METRIC_TEMPLATES,
    SERVICES,
    VIRTUAL_SERVICES,
    Obj,
    Resource,
)
from canary_adapters.manifests import Canary
from canary_adapters.manifests.hosts import short_name_of

__all__ = ["Claims", "Interests", "Key", "Ref", "objects_of"]

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a Canary."""
Ref: TypeAlias = tuple[Resource, str, str]
"""Kind, namespace and name of an object."""


def objects_of(canary: Canary) -> Iterator[Ref]:
    """The objects that a canary depends on, as far as the Canary itself names them."""
    names = ObjectNames.of(canary)
    place = names.namespace
    for name in (names.target, names.primary):
        yield DEPLOYMENTS, place, name
    # The target's name is that of the apex, or that of the target where the target is a Service.
    for name in (names.apex, names.apex_primary, names.apex_canary, names.target, names.primary):
        yield SERVICES, place, name
    yield VIRTUAL_SERVICES, place, names.apex
    for name in (names.apex_primary, names.apex_canary):
        yield DESTINATION_RULES, place, name
    yield from _services_of_hosts(canary)
    scaler = canary.spec.autoscaler_ref
    if scaler is not None:
        for name in (scaler.name, f"{scaler.name}-primary"):
            yield HORIZONTAL_POD_AUTOSCALERS, place, name
    for metric in canary.spec.analysis.metrics:
        if metric.template_ref is not None:
            yield METRIC_TEMPLATES, metric.template_ref.namespace or place, metric.template_ref.name
    for alert in canary.spec.analysis.alerts:
        yield ALERT_PROVIDERS, alert.provider_ref.namespace or place, alert.provider_ref.name


def _services_of_hosts(canary: Canary) -> Iterator[Ref]:
    """Those that would make a host, which may be a public name, one that the canary must not have."""
    named = (short_name_of(host, canary.namespace) for host in canary.spec.service.hosts)
    yield from ((SERVICES, each.namespace, each.name) for each in named if each is not None)


class Interests:
    """Who wants to know of which objects. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[Key, frozenset[Ref]] = {}
        self._in: dict[Ref, frozenset[Key]] = {}

    def set(self, key: Key, refs: Iterable[Ref]) -> None:
        """A canary depends on these objects, and on no others any more."""
        wanted = frozenset(refs)
        with self._lock:
            had = self._of.get(key, frozenset())
            if wanted == had:
                return
            self._of[key] = wanted
            for ref in wanted - had:
                self._in[ref] = self._in.get(ref, frozenset()) | {key}
            for ref in had - wanted:
                self._drop(ref, key)

    def forget(self, key: Key) -> None:
        """A canary is gone."""
        with self._lock:
            for ref in self._of.pop(key, frozenset()):
                self._drop(ref, key)

    def of(self, resource: Resource, obj: Obj) -> frozenset[Key]:
        """The canaries that depend on an object."""
        metadata = obj["metadata"]
        return self._in.get((resource, metadata["namespace"], metadata["name"]), frozenset())

    def _drop(self, ref: Ref, key: Key) -> None:
        left = self._in[ref] - {key}
        if left:
            self._in[ref] = left
        else:
            del self._in[ref]


class Claims:
    """Which canaries want which target: the oldest has it. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._target: dict[Key, tuple[str, str, str]] = {}
        self._claims: dict[tuple[str, str, str], dict[Key, tuple[str, str]]] = {}

    def set(self, obj: Obj) -> frozenset[Key]:
        """Take note of a canary as it is now, however wrong the rest of it may be.

        Returns:
            Other canaries whose claim may be a better one now than it was.
        """
        metadata = obj["metadata"]
        key = (metadata["namespace"], metadata["name"])
        spec = obj.get("spec")
        ref = spec.get("targetRef") if isinstance(spec, dict) else None
        given = ref if isinstance(ref, dict) else {}
        target = (str(given.get("kind")), metadata["namespace"], str(given.get("name")))
        with self._lock:
            before = self._target.get(key)
            others = self._leave(key) if before not in {None, target} else frozenset()
            self._target[key] = target
            age = (metadata.get("creationTimestamp") or "", metadata.get("uid") or "")
            self._claims.setdefault(target, {})[key] = age
            return others

    def forget(self, key: Key) -> frozenset[Key]:
        """A canary is gone.

        Returns:
            Other canaries that wanted its target.
        """
        with self._lock:
            return self._leave(key)

    def holder(self, key: Key) -> Key:
        """The canary that has the target which this one wants: often itself."""
        with self._lock:
            target = self._target.get(key)
            claims = self._claims.get(target) if target is not None else None
            return min(claims, key=lambda one: (claims[one], one)) if claims else key

    def _leave(self, key: Key) -> frozenset[Key]:
        target = self._target.pop(key, None)
        claims = self._claims.get(target, {}) if target is not None else {}
        claims.pop(key, None)
        if target is not None and not claims:
            self._claims.pop(target, None)
        return frozenset(claims)
