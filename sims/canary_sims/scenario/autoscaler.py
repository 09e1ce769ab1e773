"""An autoscaler in scenario files: the shape that it has there, and what it means."""

from typing import Any

from attrs import frozen

from canary_sims.scenario import quantities as q
from canary_sims.world import Autoscaler

__all__ = ["AutoscalerShape"]


@frozen(kw_only=True)
class AutoscalerShape:
    """``autoscaler``, in the words of a HorizontalPodAutoscaler."""

    min_replicas: q.Count | None = None
    max_replicas: q.Count
    requests_per_second_per_pod: q.Rate | None = None
    stabilization_window: q.Seconds | None = None

    def __attrs_post_init__(self) -> None:
        """The bounds go together, and a pod is of some use."""
        if self.min_replicas is not None and self.min_replicas > self.max_replicas:
            raise q.NotAllowedError(f"minReplicas: {self.min_replicas}", f"at most maxReplicas ({self.max_replicas})")
        if self.requests_per_second_per_pod is not None and self.requests_per_second_per_pod <= 0:
            raise q.NotAllowedError("requestsPerSecondPerPod: 0", "more than 0, or left out")

    def autoscaler(self) -> Autoscaler:
        """What it means."""
        said = {
            "fewest": self.min_replicas,
            "most": self.max_replicas,
            "per_pod": self.requests_per_second_per_pod,
            "window_s": self.stabilization_window,
        }
        given: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        return Autoscaler(**given)
