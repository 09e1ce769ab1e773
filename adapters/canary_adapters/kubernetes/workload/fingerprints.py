"""Fingerprints that are kept for as long as nothing changes that they are made from."""

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.workload.configs import ConfigDigests, Contents, Tracked, referenced_configs
from canary_adapters.kubernetes.workload.fingerprint import template_fingerprint

__all__ = ["Fingerprints"]

_Known: TypeAlias = dict[tuple[str, str], tuple[tuple[Any, ...], str]]
"""Of a namespace and a name: what it was made from, and the fingerprint."""


class Fingerprints:
    """Fingerprints of targets and templates, made once for each generation, the last of which is kept.

    Safe for many threads.
    """

    def __init__(self, digests: ConfigDigests, *, track_configs: bool) -> None:
        self._digests, self._track = digests, track_configs
        self._lock = threading.Lock()
        self._known: _Known = {}
        self._templates: _Known = {}

    def of(self, target: Obj, contents: Contents | None = None) -> tuple[str, tuple[Tracked, ...]]:
        """The fingerprint of a target and the configuration that belongs to it.

        Args:
            target: As read.
            contents: See `ConfigDigests.tracked`.

        Raises:
            UnavailableError: Its configuration could not be read.
        """
        tracked = self._tracked(target, contents)
        return self._once(self._known, target, tracked, lambda: _made(target, tracked)), tracked

    def made(self, target: Obj, contents: Contents | None = None) -> tuple[str, tuple[Tracked, ...]]:
        """The same for what a target was, of which nothing is remembered; see `of`."""
        tracked = self._tracked(target, contents)
        return _made(target, tracked), tracked

    def of_template(self, deployment: Obj) -> str:
        """The fingerprint of a Deployment's template alone, without the configuration that it refers to."""
        return self._once(self._templates, deployment, (), lambda: template_fingerprint(deployment["spec"]["template"]))

    def _once(self, known: _Known, deployment: Obj, beside: tuple[Tracked, ...], make: Callable[[], str]) -> str:
        """What is made of a generation, and of what belongs to it beside, unless that is the one that is known."""
        metadata = deployment["metadata"]
        place = (metadata["namespace"], metadata["name"])
        version = (metadata["uid"], metadata.get("generation"), beside)
        with self._lock:
            found = known.get(place)
        if found is not None and found[0] == version:
            return found[1]
        made = make()
        with self._lock:
            known[place] = version, made
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
