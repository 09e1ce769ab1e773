"""ConfigMaps and Secrets that belong to a revision: found in pod templates, read once, cloned under versioned names.

A clone has the digest of its contents in its name and is never changed, so a running pod never sees other contents
than those that it was started with, and a rollback brings template and configuration back together (flagger#417).
"""

import enum
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from attrs import frozen

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import LabelFilter, owner_reference
from canary_adapters.kubernetes.ownership import Ownership
from canary_adapters.kubernetes.resources import CONFIG_MAPS, SECRETS, Obj, Resource
from canary_adapters.kubernetes.workload.fingerprint import content_digest
from canary_adapters.manifests import Canary
from canary_ports import ConflictError

__all__ = [
    "ConfigDigests",
    "ConfigKind",
    "ConfigRef",
    "Contents",
    "Tracked",
    "clone_configs",
    "drop_clones",
    "referenced_configs",
    "rewritten",
]

TRACKING: Final = "flagger.app/config-tracking"
"""Annotation of an object that is not to be tracked: ``disable``, ``disabled``."""
CLONE_OF: Final = "canary-core/clone-of"
"""Label of a clone: the target that it was made for."""
TYPES: Final = frozenset({"Opaque", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "kubernetes.io/tls"})
"""Types of Secrets that are tracked; others, such as tokens of service accounts, are shared."""
_LONGEST: Final = 253
_LABEL: Final = 63


class ConfigKind(enum.Enum):
    """Kind of object; the value is how status and fingerprints name it."""

    CONFIG_MAP = "configmap"
    SECRET = "secret"  # noqa: S105 - no password

    @property
    def resource(self) -> Resource:
        """Where the API server has it."""
        return CONFIG_MAPS if self is ConfigKind.CONFIG_MAP else SECRETS


@frozen(order=True)
class ConfigRef:
    """A reference to an object in the namespace of the pod."""

    kind: ConfigKind
    name: str


Contents: TypeAlias = dict[ConfigRef, Obj]
"""Whole objects, by what refers to them."""


@frozen
class Tracked:
    """A referenced object that is tracked, as it is now."""

    ref: ConfigRef
    digest: str

    @property
    def key(self) -> str:
        """As in a fingerprint."""
        return f"{self.ref.kind.value}/{self.ref.name}"

    def clone_name(self, target: str) -> str:
        """The name of the clone for the primary of a target; no two targets share one."""
        mark = hashlib.sha256(f"{target}\n{self.ref.name}\n{self.digest}".encode()).hexdigest()[:10]
        return f"{self.ref.name[: _LONGEST - 30]}-primary-{mark}"


# -- References in a pod template -----------------------------------------------------------------------------------

_Rename = Callable[[ConfigRef], str]
_KINDS: Final = (
    # Place in a volume, field with the name; in an environment variable; in a whole environment.
    (ConfigKind.CONFIG_MAP, "configMap", "name", "configMapKeyRef", "configMapRef"),
    (ConfigKind.SECRET, "secret", "secretName", "secretKeyRef", "secretRef"),
)


def referenced_configs(template: Mapping[str, Any]) -> frozenset[ConfigRef]:
    """The ConfigMaps and Secrets that a pod template refers to: volumes, projected ones, env and envFrom.

    Args:
        template: ``spec.template`` of a workload.
    """
    found: set[ConfigRef] = set()

    def note(ref: ConfigRef) -> str:
        found.add(ref)
        return ref.name

    rewritten(template.get("spec") or {}, note)
    return frozenset(found)


def rewritten(spec: Mapping[str, Any], rename: _Rename) -> dict[str, Any]:
    """A pod spec with other names in its references.

    Args:
        spec: The pod spec; it is not changed.
        rename: The name to stand in the place of a reference.
    """
    new = dict(spec)
    if spec.get("volumes"):
        new["volumes"] = [_volume(volume, rename) for volume in spec["volumes"]]
    for part in ("initContainers", "containers"):
        if spec.get(part):
            new[part] = [_container(container, rename) for container in spec[part]]
    return new


def _volume(volume: Mapping[str, Any], rename: _Rename) -> dict[str, Any]:
    new = dict(volume)
    for kind, place, field, _, _ in _KINDS:
        new = _renamed(new, place, field, kind, rename)
    projected = volume.get("projected")
    if projected and projected.get("sources"):
        sources = []
        for source in projected["sources"]:
            for kind, place, _, _, _ in _KINDS:
                source = _renamed(source, place, "name", kind, rename)  # noqa: PLW2901 - both kinds, one after the other
            sources.append(source)
        new["projected"] = {**projected, "sources": sources}
    return new


def _container(container: Mapping[str, Any], rename: _Rename) -> dict[str, Any]:
    new = dict(container)
    if container.get("env"):
        new["env"] = [_variable(variable, rename) for variable in container["env"]]
    if container.get("envFrom"):
        new["envFrom"] = [_environment(source, rename) for source in container["envFrom"]]
    return new


def _variable(variable: Mapping[str, Any], rename: _Rename) -> Mapping[str, Any]:
    source = variable.get("valueFrom")
    if not source:
        return variable
    for kind, _, _, place, _ in _KINDS:
        source = _renamed(source, place, "name", kind, rename)
    return {**variable, "valueFrom": source}


def _environment(source: Mapping[str, Any], rename: _Rename) -> Mapping[str, Any]:
    for kind, _, _, _, place in _KINDS:
        source = _renamed(source, place, "name", kind, rename)
    return source


def _renamed(holder: Mapping[str, Any], place: str, field: str, kind: ConfigKind, rename: _Rename) -> dict[str, Any]:
    ref = holder.get(place)
    if not ref or not ref.get(field):
        return dict(holder)
    return {**holder, place: {**ref, field: rename(ConfigRef(kind, ref[field]))}}


# -- Contents -------------------------------------------------------------------------------------------------------


_Version: TypeAlias = tuple[str, str]
"""UID and resource version."""


@frozen
class _Read:
    digest: str
    is_tracked: bool


class ConfigDigests:
    """Digests of ConfigMaps and Secrets, each read once for each version of it; contents are not kept.

    One for all canaries. Safe for many threads.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._read: dict[tuple[Resource, str, str], tuple[_Version, _Read]] = {}

    def tracked(
        self, namespace: str, refs: frozenset[ConfigRef], contents: Contents | None = None
    ) -> tuple[Tracked, ...]:
        """Those of the referenced objects that exist and are tracked, in a fixed order.

        Args:
            namespace: Where they are.
            refs: To them.
            contents: Gets those that had to be read. Whoever gives it keeps it no longer than for a tick.

        Raises:
            UnavailableError: One of them could not be read.
        """
        ordered = sorted(refs, key=lambda ref: (ref.kind.value, ref.name))
        return tuple(self._each(namespace, ordered, {} if contents is None else contents))

    def _each(self, namespace: str, refs: list[ConfigRef], contents: Contents) -> Iterator[Tracked]:
        for ref in refs:
            known = self._cluster.get(ref.kind.resource, namespace, ref.name)
            if known is None or _opted_out(known):
                continue
            read = self._of(known, namespace, ref, contents)
            if read is not None and read.is_tracked:
                yield Tracked(ref, read.digest)

    def _of(self, known: Obj, namespace: str, ref: ConfigRef, contents: Contents) -> _Read | None:
        key = (ref.kind.resource, namespace, ref.name)
        with self._lock:
            found = self._read.get(key)
        if found is not None and found[0] == _version(known):
            return found[1]
        whole = self._cluster.read(ref.kind.resource, namespace, ref.name)
        if whole is None:
            return None
        contents[ref] = whole
        read = _Read(content_digest(whole), ref.kind is ConfigKind.CONFIG_MAP or _type(whole) in TYPES)
        with self._lock:
            # What was read may be newer than what the cache knows; it is noted under its own version.
            self._read[key] = _version(whole), read
        return read

    def forget(self, resource: Resource, namespace: str, name: str) -> None:
        """An object is gone."""
        with self._lock:
            self._read.pop((resource, namespace, name), None)


def _version(obj: Obj) -> _Version:
    return obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]


def _type(secret: Obj) -> str:
    return str(secret.get("type") or "Opaque")


def _opted_out(known: Obj) -> bool:
    return str((known["metadata"].get("annotations") or {}).get(TRACKING, "")).startswith("disable")


# -- Clones ---------------------------------------------------------------------------------------------------------


def clone_configs(
    cluster: Cluster,
    canary: Canary,
    tracked: tuple[Tracked, ...],
    contents: Contents,
    *,
    target: str,
    copied: LabelFilter,
) -> None:
    """Have a clone of each tracked object, with exactly the contents whose digest it has.

    Args:
        cluster: Reads and writes.
        canary: Whose primary needs them.
        tracked: What is to be cloned.
        contents: Objects that were read in this tick, and need not be read again.
        target: Name of the target.
        copied: Labels that clones get, too.

    Raises:
        RefusedError: An object of a clone's name is somebody else's: who knows what it holds.
        ConflictError: One of them has changed since.
        UnavailableError: Unknown how far it went.
    """
    ownership = Ownership(cluster, canary)
    for each in tracked:
        resource, name = each.ref.kind.resource, each.clone_name(target)
        live = cluster.get(resource, canary.namespace, name)
        if live is None:
            _clone(cluster, canary, each, contents.get(each.ref), target, copied)
        else:
            ownership.check(resource, live)


def _clone(
    cluster: Cluster, canary: Canary, each: Tracked, source: Obj | None, target: str, copied: LabelFilter
) -> None:
    resource = each.ref.kind.resource
    if source is None or content_digest(source) != each.digest:
        source = cluster.read(resource, canary.namespace, each.ref.name)
    if source is None or content_digest(source) != each.digest:
        raise ConflictError(f"{each.key} has changed while it was copied")
    labels = {**copied(source["metadata"].get("labels")), CLONE_OF: _label(target)}
    clone: Obj = {
        "metadata": {
            "name": each.clone_name(target),
            "labels": labels,
            "ownerReferences": [owner_reference(canary)],
        },
        "immutable": True,
        **{part: source[part] for part in ("data", "binaryData", "type") if source.get(part)},
    }
    Ownership(cluster, canary).put(resource, clone, None)


def _label(target: str) -> str:
    return target[:_LABEL].rstrip("-.")


def drop_clones(cluster: Cluster, canary: Canary, *, target: str, keep: frozenset[ConfigRef]) -> None:
    """Delete the clones that were made for this canary's primary, but for those that are still referred to."""
    for kind in ConfigKind:
        for obj in cluster.list(kind.resource, canary.namespace):
            metadata = obj["metadata"]
            mine = (metadata.get("labels") or {}).get(CLONE_OF) == _label(target) and any(
                owner.get("uid") == canary.metadata.uid for owner in metadata.get("ownerReferences") or ()
            )
            if mine and ConfigRef(kind, metadata["name"]) not in keep:
                cluster.delete(kind.resource, obj)
