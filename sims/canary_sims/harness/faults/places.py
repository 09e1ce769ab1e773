"""Where a story under faults has come to, as a value, and the ends of those places that are known.

Two runs that have come to the same place, with no fault left, go on in the same way. So what follows needs to be played
only once: this is what makes it possible to try all single faults, and pairs of them, of many stories.
"""

import random
from typing import Self

from attrs import astuple

from canary_sims.faults.plan import CallFault
from canary_sims.simulation.life import Life, Turn
from canary_sims.world import Deployment, Meter

__all__ = ["Steady", "place"]


class Steady(random.Random):
    """No chance at all: every count is its mean. Runs that differ in what is measured would never meet again."""

    def __copy__(self) -> Self:
        """It has no state."""
        return self

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:  # noqa: ARG002 - part of the signature
        """The mean."""
        return mu

    def uniform(self, a: float, b: float) -> float:
        """The middle."""
        return (a + b) / 2


def place(life: Life, turn: Turn) -> object:
    """Everything that what follows depends on, and all that is looked at in the end; None if faults are still to come.

    Args:
        life: Of a controller, right after a wake-up.
        turn: That wake-up.
    """
    injector, world, witness = life.injector, life.world, life.witness
    plan = injector.plan
    if plan.standing or injector.late or witness is None or witness.broken:
        return None
    for fault in plan.faults:
        done, reached = (injector.calls, fault.call) if isinstance(fault, CallFault) else (life.wakes, fault.wake)
        if done < reached:
            return None
    return (
        (
            world.now_s,
            world.rollout,
            world.policy.suspend,  # a scenario changes nothing else of it
            world.traffic,
            world.held,
            world.request,
            world.deleting,
            world.gone,
        ),
        (_pods(world.target), _pods(world.primary), world.primary_never_ready, world.start_primary_after_s),
        (world.source_error, world.source_silent, tuple(world.hook_answers.items())),
        _measured(world.canary_meter, max((check.window_s for check in world.policy.checks), default=0.0)),
        (len(life.stage.left), life.stage.creep_s, life.stage.scale_s, life.moved_s, life.stirred),
        (witness.facts.good, witness.facts.failures, witness.routed_s, witness.quiet is None),
        None if world.autoscaler is None else (witness.facts.had, witness.promoting_s),
        (turn.tick is None, life.next_s, turn.notices),
        (frozenset(type(told.notice) for told in world.told), frozenset(question.hook for question in world.asked)),
    )


def _pods(deployment: Deployment | None) -> object:
    return None if deployment is None else astuple(deployment, recurse=False)


def _measured(meter: Meter, window_s: float) -> object:
    """What a check can still see of what was counted."""
    latest_s = meter.spans[-1].end_s if meter.spans else 0.0
    return tuple(span for span in meter.spans if span.requests and span.end_s > latest_s - window_s)
