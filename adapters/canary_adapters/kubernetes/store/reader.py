"""A raw Canary as its type and its policy, read once for each generation; of each Canary the last one is kept."""

import threading
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import evolve, field, frozen

from canary_adapters.kubernetes.mistakes import told
from canary_adapters.kubernetes.resources import Obj
from canary_adapters.manifests import Canary, ManifestError, policy_of, read_object
from canary_core import Policy
from canary_ports import RefusedError

__all__ = ["CanaryReader", "Loaded"]

_SHOWN: Final = 10
_MINIMAL: Final = {"interval": "1m", "threshold": 1, "stepWeight": 100}
_UNDOES: Final = ("provider", "targetRef", "service", "autoscalerRef", "revertOnDeletion")
"""What it takes to know what was done, and so what to undo."""
_ANNOTATIONS: Final = ("annotations", "labels", "generation", "resourceVersion", "deletionTimestamp", "finalizers")


_Version: TypeAlias = tuple[str, Any]
"""UID and generation."""


@frozen
class Loaded:
    """What a Canary declares."""

    canary: Canary
    policy: Policy
    spec: Obj = field(factory=dict, eq=False)
    """As it stands in the object."""


class CanaryReader:
    """Reads canaries. One for all; safe for many threads."""

    def __init__(
        self,
        *,
        mesh_provider: str = "istio",
        minimum_interval_s: float = 10.0,
        check: Callable[[Canary], None] = lambda _: None,
    ) -> None:
        """Makes one.

        Args:
            mesh_provider: What moves the traffic of canaries that do not say.
            minimum_interval_s: Shorter analysis intervals become this one.
            check: Raises `canary_ports.RefusedError` for what is well formed, but not served.
        """
        self._mesh_provider, self._minimum_interval_s, self._check = mesh_provider, minimum_interval_s, check
        self._lock = threading.Lock()
        self._valid: dict[tuple[str, str], tuple[str, Loaded]] = {}
        """What a Canary has declared last that was valid, with its UID."""
        self._known: dict[tuple[str, str], tuple[_Version, Loaded | RefusedError]] = {}

    def read(self, obj: Obj) -> Loaded:
        """What a raw Canary declares.

        Raises:
            RefusedError: It has mistakes; the message names all of them.
        """
        metadata = obj["metadata"]
        key, version = (metadata["namespace"], metadata["name"]), (metadata["uid"], metadata.get("generation"))
        with self._lock:
            known = self._known.get(key)
        if known is not None and known[0] == version:
            found = known[1]
        else:
            found = self._read(obj)
            with self._lock:
                self._known[key] = version, found
        if isinstance(found, RefusedError):
            raise RefusedError(found.reason, found.message)
        return found

    def keep(self, obj: Obj, loaded: Loaded) -> None:
        """Take note that what a Canary declares is gone by: from now on it is the last that was valid."""
        metadata = obj["metadata"]
        with self._lock:
            self._valid[metadata["namespace"], metadata["name"]] = metadata["uid"], loaded

    def accepts(self, obj: Obj) -> bool:
        """Whether a raw Canary can be served as it is declared."""
        try:
            self.read(obj)
        except RefusedError:
            return False
        return True

    def last_valid(self, obj: Obj, stored: Obj | None) -> Loaded | None:
        """What a Canary has declared last that was valid, for one that declares something else by now.

        Args:
            obj: As it is.
            stored: The spec that its status has of it, for a process that has not seen it. None: it has none.
        """
        metadata = obj["metadata"]
        with self._lock:
            uid, found = self._valid.get((metadata["namespace"], metadata["name"]), ("", None))
        if found is not None and uid == metadata["uid"]:
            return found
        read = self._read({**obj, "spec": stored}) if stored is not None else None
        return read if isinstance(read, Loaded) else None

    def forget(self, namespace: str, name: str) -> None:
        """A Canary is gone."""
        with self._lock:
            self._known.pop((namespace, name), None)
            self._valid.pop((namespace, name), None)

    def read_to_delete(self, obj: Obj) -> Loaded | None:
        """The same of a Canary that is being deleted, however wrong it is: what it takes to undo what was done.

        Returns:
            What is declared, and since when it is being deleted. None: Not even that can be read from it.
        """
        found = self._read_to_delete(obj)
        if found is None:
            return None
        metadata = evolve(found.canary.metadata, deletion_timestamp=obj["metadata"].get("deletionTimestamp"))
        return evolve(found, canary=evolve(found.canary, metadata=metadata))

    def _read_to_delete(self, obj: Obj) -> Loaded | None:
        try:
            return self.read(obj)
        except RefusedError:
            pass
        given = obj.get("spec")
        spec: Obj = given if isinstance(given, dict) else {}
        kept = {key: spec[key] for key in _UNDOES if key in spec}
        for left_out in ((), ("autoscalerRef",), ("provider",), ("autoscalerRef", "provider")):
            least = {key: value for key, value in kept.items() if key not in left_out}
            found = self._read({**obj, "spec": {**least, "analysis": _MINIMAL}})
            if not isinstance(found, RefusedError):
                return found
        return None

    def _read(self, obj: Obj) -> Loaded | RefusedError:
        # Metadata that changes without the generation has no place in what is remembered.
        metadata = {key: value for key, value in obj["metadata"].items() if key not in _ANNOTATIONS}
        raw = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": metadata, "spec": obj.get("spec")}
        try:
            canary = read_object(raw).canaries[0]
            policy = policy_of(canary, mesh_provider=self._mesh_provider, minimum_interval_s=self._minimum_interval_s)
            self._check(canary)
        except ManifestError as error:
            return RefusedError("InvalidSpec", told(error.mistakes, most=_SHOWN))
        except RefusedError as error:
            return error
        return Loaded(canary, policy, obj.get("spec") or {})
