"""Objects that canaries refer to: metric templates, alert providers, Secrets."""

import base64
import binascii
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, TypeAlias

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.mistakes import told
from canary_adapters.kubernetes.resources import ALERT_PROVIDERS, METRIC_TEMPLATES, SECRETS, Obj, Resource
from canary_adapters.manifests import AlertProvider, ManifestError, MetricTemplate, read_object
from canary_adapters.manifests.objects import Manifests
from canary_ports import RefusedError

__all__ = ["References"]

_KEPT: Final = 1024
"""Objects that are remembered; of more, those are read again that were not asked for for the longest time."""
_SHOWN: Final = 3
_Place: TypeAlias = tuple[Resource, str, str]
_Version: TypeAlias = tuple[str, str]
"""UID and resource version."""


class References:
    """Reads them; templates and providers once for each version, as many checks may refer to one. Safe for threads."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._known: OrderedDict[_Place, tuple[_Version, Manifests | RefusedError]] = OrderedDict()

    def template(self, namespace: str, name: str) -> MetricTemplate | None:
        """A MetricTemplate.

        Raises:
            RefusedError: It has mistakes.
        """
        found = self._get(METRIC_TEMPLATES, namespace, name)
        return found.metric_templates[0] if found is not None else None

    def provider(self, namespace: str, name: str) -> AlertProvider | None:
        """An AlertProvider.

        Raises:
            RefusedError: It has mistakes.
        """
        found = self._get(ALERT_PROVIDERS, namespace, name)
        return found.alert_providers[0] if found is not None else None

    def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """The contents of a Secret, as they are now."""
        found = self._cluster.read(SECRETS, namespace, name)
        if found is None:
            return None
        return {key: _decoded(value) for key, value in (found.get("data") or {}).items()}

    def _get(self, resource: Resource, namespace: str, name: str) -> Manifests | None:
        obj = self._cluster.get(resource, namespace, name)
        if obj is None:
            return None
        place, version = (resource, namespace, name), (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])
        with self._lock:
            known = self._known.get(place)
        if known is None or known[0] != version:
            known = version, _read(resource, obj)
        with self._lock:
            self._known[place] = known
            self._known.move_to_end(place)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        if isinstance(known[1], RefusedError):
            raise RefusedError(known[1].reason, known[1].message)
        return known[1]


def _read(resource: Resource, obj: Obj) -> Manifests | RefusedError:
    try:
        return read_object({"apiVersion": resource.api_version, "kind": resource.kind, **obj})
    except ManifestError as error:
        where = f"{resource.kind} {obj['metadata']['name']}.{obj['metadata']['namespace']}"
        return RefusedError(f"{resource.kind}Invalid", f"{where}: {told(error.mistakes, most=_SHOWN)}")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (ValueError, binascii.Error):
        return b""
