"""Routing without a mesh (provider ``kubernetes``): the apex Service sends all traffic to one side or the other."""

from typing import Final

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.services.services import Services
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.manifests import Canary
from canary_core import Traffic
from canary_ports import RefusedError

__all__ = ["ServiceRouter"]

_TO_PRIMARY: Final = Traffic()
_TO_CANARY: Final = Traffic(canary_weight=100)


class ServiceRouter:
    """The Services of a canary as a `canary_ports.RouterPort`."""

    def __init__(self, cluster: Cluster, canary: Canary, settings: ObjectSettings) -> None:
        """Makes one for a tick.

        Args:
            cluster: Reads and writes.
            canary: As it is declared now.
            settings: What the installation decides.
        """
        self._services = Services(cluster, canary, settings)
        self._going = canary.metadata.deletion_timestamp is not None

    def read(self) -> Traffic | None:
        """Who gets the traffic. None: the Services are not, or not all, as they should be.

        Of a canary that is being deleted they are ours until the apex is given back, in whatever order they are.
        """
        if self._going:
            return None if self._services.given_back else _TO_PRIMARY
        to_canary = self._services.apex_sends_to_canary
        if not self._services.in_order(to_canary=to_canary):
            return None
        return _TO_CANARY if to_canary else _TO_PRIMARY

    def ensure(self, traffic: Traffic) -> None:
        """Have all traffic on one side.

        Raises:
            RefusedError: A split that Services cannot make, or one that would cut clients off; or a Service that it
                needs is somebody else's. Once begun, only the apex is needed.
        """
        if traffic not in (_TO_PRIMARY, _TO_CANARY):
            raise RefusedError("SplitUnsupported", "provider kubernetes cannot split traffic; it needs a mesh")
        to_canary = traffic == _TO_CANARY
        self._services.check(reaches_canary=to_canary)
        refusal = self._services.not_ours(to_canary=to_canary, apex_only=self._services.are_begun)
        if refusal is not None:
            raise refusal
        self._services.ensure_backends()
        self._services.ensure_apex(to_canary=to_canary)

    def objection(self) -> RefusedError | None:
        """Why no rollout should begin: a Service is another's, or cannot become what is declared. None: it may."""
        services = self._services
        return services.not_ours() or services.objection() or services.canary_objection()

    def release(self) -> None:
        """Have the apex send to the target again."""
        self._services.release()
        self._services.drop_backends()
