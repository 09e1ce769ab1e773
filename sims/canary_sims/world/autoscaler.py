"""A HorizontalPodAutoscaler in memory: as many pods as the load needs, more of them at once and fewer after a while."""

import math
from typing import Final

from attrs import field, frozen
from attrs.validators import ge, gt

from canary_sims.world.deployment import Deployment

__all__ = ["SYNC_S", "WINDOW_S", "Autoscaler"]

SYNC_S: Final = 15.0
"""How often Kubernetes has it look."""
WINDOW_S: Final = 300.0
"""For how long Kubernetes has it wait with fewer pods, if nothing else is declared."""


_ROUNDING: Final = 1e-9
"""A share of a load may be a hair more than a whole number of pods."""


@frozen(kw_only=True)
class Autoscaler:
    """What is declared about the target's autoscaler, and so about that of the primary, which is its copy.

    It divides the requests that reach a workload by those that one pod is to answer. Unlike that of Kubernetes it has
    no tolerance, and no metric that comes late.
    """

    fewest: int = field(default=1, validator=ge(1))
    """Pods that it keeps in any case."""
    most: int = field(default=1000, validator=ge(1))
    """Pods that it never goes beyond."""
    per_pod: float = field(default=math.inf, validator=gt(0.0))
    """Requests per second that one pod is to answer. Infinite: the load never asks for more than the fewest."""
    window_s: float = field(default=WINDOW_S, validator=ge(0.0))
    """Pods go only when for so long no more were needed."""

    def __attrs_post_init__(self) -> None:
        if self.fewest > self.most:
            raise ValueError(f"fewest must be at most {self.most}, not {self.fewest}")

    def kept(self, held: int | None) -> int:
        """The fewest pods of a workload whose autoscaler was told to keep so many."""
        return min(self.most, max(self.fewest, held or 0))

    def needed(self, load: float) -> int:
        """Pods for a load, without those that are kept in any case.

        Args:
            load: Requests per second.
        """
        return min(self.most, math.ceil(load / self.per_pod - _ROUNDING))

    def sync(self, workload: Deployment, load: float, now_s: float, *, held: int | None = None) -> None:
        """Look once, and scale. A workload without pods is left alone.

        Args:
            workload: Whose pods these are.
            load: Requests per second that reach it.
            now_s: The present time.
            held: The fewest pods that were asked for for the time of a rollout.
        """
        workload.settle(now_s)
        if workload.replicas == 0:
            workload.wishes = ()
            return
        wish = self.needed(load)
        workload.wishes = (*_still_counting(workload.wishes, wish, now_s - self.window_s), (now_s, wish))
        highest = max(number for _, number in workload.wishes)
        # More at once, but not yet as few as would do: what it has is given up only when the window has passed.
        wanted = wish if wish > workload.replicas else min(workload.replicas, highest)
        workload.autoscale(min(self.most, max(self.kept(held), wanted)), now_s)


def _still_counting(wishes: tuple[tuple[float, int], ...], wish: int, since_s: float) -> tuple[tuple[float, int], ...]:
    """Of earlier wishes, those that may still be the highest of a window."""
    return tuple((at_s, number) for at_s, number in wishes if at_s > since_s and number > wish)
