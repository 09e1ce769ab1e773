"""Objects that canaries refer to: metric templates, alert providers, Secrets."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.mistakes import told
from canary_adapters.kubernetes.resources import ALERT_PROVIDERS, METRIC_TEMPLATES, SECRETS, Resource
from canary_adapters.manifests import AlertProvider, ManifestError, MetricTemplate, read_object
from canary_adapters.manifests.objects import Manifests
from canary_ports import RefusedError

__all__ = ["References"]

_SHOWN: Final = 3


class References:
    """Reads them. May be used from any thread."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def template(self, namespace: str, name: str) -> MetricTemplate | None:
        """A MetricTemplate.

        Raises:
            RefusedError: It has mistakes.
        """
        found = self._read(METRIC_TEMPLATES, namespace, name)
        return found.metric_templates[0] if found is not None else None

    def provider(self, namespace: str, name: str) -> AlertProvider | None:
        """An AlertProvider.

        Raises:
            RefusedError: It has mistakes.
        """
        found = self._read(ALERT_PROVIDERS, namespace, name)
        return found.alert_providers[0] if found is not None else None

    def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """The contents of a Secret, as they are now."""
        found = self._cluster.read(SECRETS, namespace, name)
        if found is None:
            return None
        return {key: _decoded(value) for key, value in (found.get("data") or {}).items()}

    def _read(self, resource: Resource, namespace: str, name: str) -> Manifests | None:
        obj = self._cluster.get(resource, namespace, name)
        if obj is None:
            return None
        try:
            return read_object({"apiVersion": resource.api_version, "kind": resource.kind, **obj})
        except ManifestError as error:
            why = told(error.mistakes, most=_SHOWN)
            raise RefusedError(f"{resource.kind}Invalid", f"{resource.kind} {name}.{namespace}: {why}") from None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (ValueError, binascii.Error):
        return b""
