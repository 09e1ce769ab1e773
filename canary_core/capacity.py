"""How many pods a primary needs to take all the traffic, where nobody has declared what one pod can bear."""

from canary_core.observation import Observation
from canary_core.rollout import Rollout

__all__ = ["pods_needed"]


def pods_needed(rollout: Rollout, seen: Observation) -> int:
    """What it has, or had when the rollout began, or what the canary came to need for its traffic.

    If its autoscaler asks for more than it has to keep, the load is more than what was there in the beginning bears,
    and the canary's pods come on top. From the canary alone no more is concluded than the pods that it has: it may be
    busy with the requests of a load test, and a pod too many might find no room and hold a promotion up.
    """
    primary, canary = seen.primary, seen.canary
    now = primary.replicas if primary is not None and primary.replicas > 0 else rollout.replicas
    had = max(now, rollout.replicas)
    if canary is None or rollout.traffic.canary_weight == 0:
        return had
    if primary is not None and primary.floor is not None and primary.replicas > primary.floor:
        return max(had, primary.replicas + canary.replicas)
    return max(had, canary.replicas)
