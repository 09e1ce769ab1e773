"""Objects of a cluster over HTTP: what tests look at again and again, where each kubectl would be a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import requests
from kubernetes import config

from canary_adapters.kubernetes.resources import (
    CANARIES,
    DEPLOYMENTS,
    EVENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    LEASES,
    PODS,
    SECRETS,
    SERVICES,
    Resource,
)

__all__ = ["Looking", "session_of"]

_ENDPOINTS: Final = Resource(group="", version="v1", plural="endpoints", kind="Endpoints")
_VIRTUAL_SERVICES: Final = Resource(
    group="networking.istio.io", version="v1beta1", plural="virtualservices", kind="VirtualService"
)
KINDS: Final = {
    "canary": CANARIES,
    "deployment": DEPLOYMENTS,
    "endpoints": _ENDPOINTS,
    "events": EVENTS,
    "hpa": HORIZONTAL_POD_AUTOSCALERS,
    "lease": LEASES,
    "pod": PODS,
    "secret": SECRETS,
    "service": SERVICES,
    "virtualservice": _VIRTUAL_SERVICES,
}
"""By the names that people type."""


def session_of(kubeconfig: Path) -> tuple[str, requests.Session]:
    """The address of the server that a kubeconfig names, and a session with what it says of who asks."""
    connect: Any = config.new_client_from_config
    settings = connect(str(kubeconfig)).configuration
    found = requests.Session()
    found.trust_env = False  # a bundle that the environment names would be taken for the server's
    found.verify = settings.ssl_ca_cert or True
    if settings.cert_file:
        found.cert = (settings.cert_file, settings.key_file)
    found.headers.update({each["key"]: each["value"] for each in settings.auth_settings().values()})
    return settings.host, found


class Looking:
    """Reads with the rights of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self._url, self._session = session_of(kubeconfig)

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """An object. None: there is no such thing."""
        return self._read(KINDS[kind].path(namespace, name))

    def list(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        """All objects of a kind in a namespace."""
        found: list[dict[str, Any]] = (self._read(KINDS[kind].path(namespace)) or {}).get("items", [])
        return found

    def _read(self, path: str) -> dict[str, Any] | None:
        answer = self._session.get(f"{self._url}{path}", timeout=60)
        assert answer.status_code in {200, 404}, answer.text
        found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return found
