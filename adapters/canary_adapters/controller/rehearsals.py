"""Which generations of Canaries have been rehearsed by this process, and what came of it.

A handful of requests for each generation, none for each rollout. One that an outage has broken off goes on where it
was. What has failed is tried again with growing pauses: the cause may be mended on the other side, in a definition, a
policy or a webhook.
"""

import threading
from collections.abc import Callable
from typing import Final, TypeAlias

from attrs import evolve, frozen

from canary_adapters.controller.interests import Key
from canary_adapters.controller.pacing import Pace, Patience
from canary_adapters.extensions import Extension, Given
from canary_adapters.kubernetes.dry_run import Heard
from canary_adapters.kubernetes.rehearsal import Rehearsed, rehearse
from canary_core import foreseen_splits
from canary_ports import RefusedError, RouterPort

__all__ = ["Rehearsals", "Version", "rehearsed"]

_MOST_HEARD: Final = 50
"""Answers that are kept of a rehearsal that was broken off. It takes ten or so; more are of objects that change."""
PATIENCE: Final = Patience(first_s=60.0, longest_s=3600.0)
Version: TypeAlias = tuple[object, object]
"""UID and generation."""


@frozen
class _Known:
    version: Version
    refusal: RefusedError | None
    final: bool
    """Whether it passed, and nothing is in doubt."""
    pace: Pace
    """When it is tried again, unless it is final."""


class Rehearsals:
    """What is known. Safe for many threads; the same Canary is not to be rehearsed by two at once."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """Knows of nothing yet.

        Args:
            now_s: The present time, seconds.
        """
        self._now_s = now_s
        self._lock = threading.Lock()
        self._known: dict[Key, _Known] = {}
        self._begun: dict[Key, tuple[Version, Heard]] = {}

    def knows(self, key: Key, version: Version) -> bool:
        """Whether this generation was rehearsed."""
        known = self._known.get(key)
        return known is not None and known.version == version

    def refusal(self, key: Key, version: Version, rehearse: Callable[[Heard], Rehearsed]) -> RefusedError | None:
        """Why a generation cannot be served. None: it can, as far as is known.

        Args:
            key: Of the Canary.
            version: Of it.
            rehearse: Called unless it is known, with what was heard before it was broken off the last time.

        Raises:
            PortError: As ``rehearse`` says; only what was heard is remembered then.
        """
        known, now_s, view = self._known.get(key), self._now_s(), hash(version)
        if known is not None and known.version != version:
            known = None
        if known is not None and (known.final or known.pace.wait_s(view, now_s) > 0.0):
            return known.refusal
        came = rehearse(self._heard(key, version))
        found = came.refusal()
        with self._lock:
            self._begun.pop(key, None)
        if came.asked:
            pace = (known.pace if known is not None else Pace()).failed(view, view, PATIENCE, now_s)
            final = found is None and not came.in_doubt
            with self._lock:
                self._known[key] = _Known(version, found, final, pace)
        return found

    def _heard(self, key: Key, version: Version) -> Heard:
        begun, heard = self._begun.get(key, (None, {}))
        if begun != version or len(heard) > _MOST_HEARD:
            heard = {}
        with self._lock:
            self._begun[key] = version, heard
        return heard

    def forget(self, key: Key) -> None:
        """A Canary is gone."""
        with self._lock:
            self._known.pop(key, None)
            self._begun.pop(key, None)


def rehearsed(extension: Extension[RouterPort], given: Given, heard: Heard | None = None) -> Rehearsed:
    """Try all that a policy can call for on a dry run, if its router can be tried.

    Args:
        extension: Makes the router.
        given: What it is made for.
        heard: What was answered before one that was broken off; added to.

    Raises:
        UnavailableError: The API server did not answer.
    """
    if not extension.rehearses:
        return Rehearsed()
    splits = foreseen_splits(given.policy)
    return rehearse(lambda cluster: extension.make(evolve(given, cluster=cluster)), given.cluster, splits, heard)
