"""How far a Canary is from what it declares, for tools that wait for it: settled, on the way there, or stuck.

The three are those of kstatus, by which Fleet, Flux and Helm wait:
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md#conditions
"""

import enum
from typing import Final

from canary_core.phases import Phase
from canary_core.rollout import KnownGood, Rollout

__all__ = ["Standing", "standing"]


class Standing(enum.Enum):
    """What a tool that waits is to make of a Canary."""

    READY = "Ready"
    """All that is declared is so: nothing is to be waited for."""
    RECONCILING = "Reconciling"
    """It is on the way there, or waits for something or somebody that lets it go on."""
    STALLED = "Stalled"
    """It does not get there unless somebody changes something: the version failed, or what is declared is refused."""


_ENDING: Final = frozenset({Phase.TERMINATING, Phase.TERMINATED})
_UNDER_WAY: Final = frozenset(
    {Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION, Phase.PROMOTING, Phase.FINALISING}
)
"""A new revision is on its way, and the one before serves."""


def standing(rollout: Rollout, *, refused: bool = False, ready_while_progressing: bool = False) -> Standing:
    """Where a rollout stands for tools that wait.

    Rules in order, the first that applies wins:

    1. Terminating and Terminated are on the way: the object is about to go, whatever is wrong with it.
    2. What is refused is stuck, also while a rollout goes on by what was declared before.
    3. Failed is stuck, also while paused, until the promoted revision is declared again.
    4. A rollout under way is on the way, gates and pauses included.
    5. A settled one is ready if what is declared is what serves: nothing is left to tell, the primary has the traffic,
       nobody asked to pause. Suspension is declared, so a settled Canary that is suspended is as declared.

    Args:
        rollout: Where it stands.
        refused: Whether what is declared is refused for something that the rollout does not know of.
        ready_while_progressing: Whether a revision on its way counts as settled, gates and pauses included. Not before
            the first primary serves, and no failure does.
    """
    if rollout.phase in _ENDING:
        return Standing.RECONCILING
    if refused or _is_refused(rollout) or (rollout.phase is Phase.FAILED and not rollout.reverted):
        return Standing.STALLED
    if rollout.phase in _UNDER_WAY:
        is_ready = ready_while_progressing
    else:
        is_ready = _is_well(rollout) and (ready_while_progressing or not rollout.paused)
    return Standing.READY if is_ready else Standing.RECONCILING


def _is_refused(rollout: Rollout) -> bool:
    return rollout.obstacle is not None and not rollout.obstacle.transient


def _is_well(rollout: Rollout) -> bool:
    """Whether nothing is left to be done or waited for, and the primary has the traffic."""
    is_served = not rollout.traffic.reaches_canary and rollout.known_good is not KnownGood.NONE
    return rollout.settled and is_served and rollout.waiting is None and rollout.obstacle is None
