"""Which rollouts become due when an object changes."""

from collections.abc import Callable
from typing import Final

from canary_adapters.controller.interests import Claims, Interests, Key
from canary_adapters.controller.queue import DueQueue
from canary_adapters.controller.registry import CONFIGS
from canary_adapters.kubernetes.cluster import Reader
from canary_adapters.kubernetes.resources import CANARIES, Obj, Resource
from canary_adapters.kubernetes.workload import ConfigDigests

__all__ = ["Wakeups"]

GATHERED_S: Final = 0.02
"""A change waits this long for others that come with it."""


class Wakeups:
    """Told of every change that the caches see. Safe for many threads, as what it is made of is."""

    def __init__(
        self,
        caches: Reader,
        queue: DueQueue[Key],
        interests: Interests,
        claims: Claims,
        digests: ConfigDigests,
        *,
        accepts: Callable[[Obj], bool],
    ) -> None:
        """Makes one.

        Args:
            caches: They have a change before it is told of.
            queue: Where canaries become due.
            interests: Who depends on what.
            claims: Whose target is whose.
            digests: Forget what is gone.
            accepts: Whether a Canary can be served as it is declared.
        """
        self._caches, self._queue = caches, queue
        self._interests, self._claims, self._digests = interests, claims, digests
        self._accepts = accepts

    def changed(self, resource: Resource, obj: Obj) -> None:
        """An object came, changed or went."""
        if resource is CANARIES:
            self._canary_changed(obj)
        elif resource in CONFIGS:
            self._config_changed(resource, obj)
        for key in self._interests.of(resource, obj):
            self._queue.add(key, GATHERED_S)

    def _canary_changed(self, obj: Obj) -> None:
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        now = self._caches.get(CANARIES, *key)
        next_ = self._claims.set(now, valid=self._accepts(now)) if now is not None else self._claims.forget(key)
        self._queue.add(key, GATHERED_S)
        if next_ is not None:
            self._queue.add(next_, GATHERED_S)

    def _config_changed(self, resource: Resource, obj: Obj) -> None:
        place = obj["metadata"]["namespace"], obj["metadata"]["name"]
        if self._caches.get(resource, *place) is None:
            self._digests.forget(resource, *place)
