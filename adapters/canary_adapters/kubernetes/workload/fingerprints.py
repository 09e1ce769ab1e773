"""Fingerprints that are kept for as long as nothing changes that they are made from."""

import threading
from typing import Any

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.workload.configs import ConfigDigests, Contents, Tracked, referenced_configs
from canary_adapters.kubernetes.workload.fingerprint import template_fingerprint

__all__ = ["Fingerprints"]


class Fingerprints:
    """Fingerprints of targets and templates, made once for each generation, the last of which is kept.

    Safe for many threads.
    """

    def __init__(self, digests: ConfigDigests, *, track_configs: bool) -> None:
        self._digests, self._track = digests, track_configs
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[tuple[Any, ...], str]] = {}
        self._templates: dict[tuple[str, str], tuple[tuple[Any, ...], str]] = {}

    def of(self, target: Obj, contents: Contents | None = None) -> tuple[str, tuple[Tracked, ...]]:
        """The fingerprint of a target and the configuration that belongs to it.

        Args:
            target: As read.
            contents: See `ConfigDigests.tracked`.

        Raises:
            UnavailableError: Its configuration could not be read.
        """
        metadata = target["metadata"]
        tracked = self._tracked(target, contents)
        place = (metadata["namespace"], metadata["name"])
        version = (metadata["uid"], metadata.get("generation"), tracked)
        with self._lock:
            known = self._known.get(place)
        if known is not None and known[0] == version:
            return known[1], tracked
        made = _made(target, tracked)
        with self._lock:
            self._known[place] = version, made
        return made, tracked

    def made(self, target: Obj, contents: Contents | None = None) -> tuple[str, tuple[Tracked, ...]]:
        """The same for what a target was, of which nothing is remembered; see `of`."""
        tracked = self._tracked(target, contents)
        return _made(target, tracked), tracked

    def of_template(self, deployment: Obj) -> str:
        """The fingerprint of a Deployment's template alone, without the configuration that it refers to."""
        metadata = deployment["metadata"]
        place = (metadata["namespace"], metadata["name"])
        version = (metadata["uid"], metadata.get("generation"))
        with self._lock:
            known = self._templates.get(place)
        if known is not None and known[0] == version:
            return known[1]
        made = template_fingerprint(deployment["spec"]["template"])
        with self._lock:
            self._templates[place] = version, made
        return made

    def _tracked(self, target: Obj, contents: Contents | None) -> tuple[Tracked, ...]:
        refs = referenced_configs(target["spec"]["template"]) if self._track else frozenset()
        return self._digests.tracked(target["metadata"]["namespace"], refs, contents)

    def forget(self, namespace: str, name: str) -> None:
        """A Deployment is no target or primary any more."""
        with self._lock:
            self._known.pop((namespace, name), None)
            self._templates.pop((namespace, name), None)


def _made(target: Obj, tracked: tuple[Tracked, ...]) -> str:
    return template_fingerprint(target["spec"]["template"], ((each.key, each.digest) for each in tracked))
