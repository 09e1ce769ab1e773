"""The live page, where the controller serves it: with the caches that it has, for callers with rights of their own."""

import time
from collections.abc import Callable
from socket import socket

from kubernetes.client import Configuration

from canary_adapters.controller.options import Options
from canary_adapters.dashboard.reviews import BURST, PER_SECOND, Reviewed
from canary_adapters.dashboard.service import Settings
from canary_adapters.dashboard.serving import Dashboard
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.informers import Informers
from canary_adapters.kubernetes.resources import CANARIES, Obj, Resource
from canary_adapters.kubernetes.throttle import Throttle

__all__ = ["LivePage"]


class LivePage:
    """Serves from `start` to `stop`. Without callers it asks the API server for nothing."""

    def __init__(
        self,
        options: Options,
        configuration: Callable[[], Configuration],
        informers: Informers,
        listener: socket,
        *,
        now_s: Callable[[], float],
    ) -> None:
        """Makes one.

        Args:
            options: The flags.
            configuration: Makes a fresh configuration of the official client.
            informers: The caches.
            listener: Where requests come in.
            now_s: The present time, seconds since the epoch.
        """
        throttle = Throttle(PER_SECOND, BURST)
        self._api = Api(configuration(), user_agent="canary-dashboard", throttle=throttle.wait, connections=4)
        door = Reviewed(self._api, configuration, now_s=time.monotonic)
        settings = Settings(verbs=options.dashboard_verbs, namespace=options.namespace)
        self._served = Dashboard(settings, door, informers, listener, now_s=now_s)

    def start(self) -> None:
        """Begin to serve."""
        self._served.start()

    def stop(self) -> None:
        """Stop to serve."""
        self._served.stop()
        self._api.close()

    def changed(self, resource: Resource, obj: Obj) -> None:
        """Something came, changed or went."""
        if resource is CANARIES:
            self._served.changed(obj)
