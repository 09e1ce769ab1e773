"""Planted bugs of the machine about what surrounds a rollout: what exploration must find, or it proves nothing.

Each breaks *traffic goes to what answers* (invariant 14) or *an obstacle never keeps a bad canary in traffic* (15), in
a way in which controllers of this kind have failed, or could. They are wrapped around the real machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve, frozen

from canary_core import Ask, Observation, Outcome, Phase, Policy, Rollout, SetTraffic, Step, Traffic, Workload, step
from canary_core.notices import CanaryLost, PrimaryLost
from canary_sims.laws.truth import Facts, Pods
from planted_bugs.planting import Machine

__all__ = ["PLANTED", "STARTS", "PlantedObstacle"]

_ANALYSIS: Final = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION})


@frozen(kw_only=True)
class PlantedObstacle:
    """A bug."""

    name: str
    what: str
    invariant: int
    """The number of the one that it breaks."""
    start: str
    """From which of `STARTS` that is found soon."""
    machine: Machine


_HALF: Final = Traffic(canary_weight=50)
_UNDER_WAY: Final = Rollout(
    phase=Phase.PROGRESSING, started=True, traffic=_HALF, applied="v1:b", promoted="v1:a", replicas=1
)
_WORLD: Final = Facts(
    target=Pods(declared="v1:b", serving="v1:b", whole=True),
    primary=Pods(declared="v1:a", serving="v1:a", whole=True),
    routes=_HALF,
    good=frozenset({"v1:a"}),
)
STARTS: Final[Mapping[str, tuple[Rollout, Facts]]] = {
    "something is in the way": (_UNDER_WAY, evolve(_WORLD, obstructed=True)),
    "paused": (_UNDER_WAY.but(paused=True), _WORLD),
    "no Service leads to the canary": (
        _UNDER_WAY,
        evolve(_WORLD, target=Pods(declared="v1:b", whole=True, reachable=False)),
    ),
}
"""An analysis under way, with what else is the case: exploration from before it takes far longer to get there."""

PLANTED: Final[list[PlantedObstacle]] = []


def _breaks(invariant: int, start: str = "something is in the way") -> Callable[[Machine], Machine]:
    def plant(found: Machine) -> Machine:
        name, what = getattr(found, "__name__", "").replace("_", " "), (found.__doc__ or "").splitlines()[0]
        PLANTED.append(PlantedObstacle(name=name, what=what, invariant=invariant, start=start, machine=found))
        return found

    return plant


def _ready(found: Workload | None, revision: str | None) -> Workload:
    """A workload as it would be if all was well with it."""
    well = found if found is not None else Workload(revision=revision)
    return evolve(well, replicas=2, updated=2, total=2, available=2, reachable=True)


def _held(policy: Policy, rollout: Rollout, seen: Observation, found: Step) -> Step:
    """Nothing is done, and it is looked at again after an interval."""
    return Step(rollout=rollout, reason=found.reason, next_s=seen.now_s + policy.interval_s)


# -- Traffic goes to what answers -----------------------------------------------------------------------------------


@_breaks(14, "no Service leads to the canary")
def takes_pods_without_a_service_for_reachable(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A Pod that is ready counts as one that answers, wherever its Service leads."""
    canary = None if seen.canary is None else evolve(seen.canary, reachable=True)
    primary = None if seen.primary is None else evolve(seen.primary, reachable=True)
    return step(policy, rollout, evolve(seen, canary=canary, primary=primary))


@_breaks(14)
def leaves_a_dead_canary_its_share(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """Once a canary was ready, nobody looks at its Pods again."""
    if rollout.phase in _ANALYSIS and rollout.started and seen.canary is not None:
        return step(policy, rollout, evolve(seen, canary=_ready(seen.canary, rollout.applied)))
    return step(policy, rollout, seen)


@_breaks(14)
def waits_for_a_dead_canary(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A canary that cannot answer keeps its share until its deadline."""
    found = step(policy, rollout, seen)
    is_early = seen.now_s - rollout.changed_s < policy.progress_deadline_s
    if is_early and isinstance(found, Step) and isinstance(found.reason, CanaryLost):
        return _held(policy, rollout, seen, found)
    return found


@_breaks(14)
def leaves_a_lost_primary_its_share(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """In an analysis the primary is taken for ready."""
    if rollout.phase in _ANALYSIS:
        return step(policy, rollout, evolve(seen, primary=_ready(seen.primary, rollout.promoted)))
    return step(policy, rollout, seen)


@_breaks(14)
def leaves_a_lost_primary_its_share_in_a_promotion(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A promotion waits for the primary, whatever is routed there."""
    found = step(policy, rollout, seen)
    if rollout.phase is Phase.PROMOTING and isinstance(found, Step) and isinstance(found.reason, PrimaryLost):
        return _held(policy, rollout, seen, found)
    return found


@_breaks(14, "paused")
def does_not_look_after_the_end(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A settled rollout gives no traffic to a target that runs, though the primary is lost."""
    found = step(policy, rollout, seen)
    if rollout.settled and isinstance(found, Step) and isinstance(found.reason, PrimaryLost):
        return _held(policy, rollout, seen, found)
    return found


@_breaks(14)
def rescues_only_the_largest_step(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """For want of a primary the canary gets as much as its policy allows, and no more."""
    found = step(policy, rollout, seen)
    if not isinstance(found, Step) or not isinstance(found.reason, PrimaryLost):
        return found
    most = Traffic(canary_weight=policy.max_weight)
    decisions = tuple(SetTraffic(traffic=most) if isinstance(d, SetTraffic) else d for d in found.decisions)
    return evolve(found, rollout=found.rollout.but(traffic=most), decisions=decisions)


@_breaks(14, "paused")
def rescues_nobody_while_paused(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A pause keeps routes as they are, even if they lead to nobody."""
    found = step(policy, rollout, seen)
    if rollout.paused and isinstance(found, Step) and isinstance(found.reason, PrimaryLost | CanaryLost):
        return _held(policy, rollout, seen, found)
    return found


@_breaks(14)
def rescues_nobody_behind_an_obstacle(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What cannot be read keeps routes as they are, even if they lead to nobody."""
    found = step(policy, rollout, seen)
    if seen.obstacles and isinstance(found, Step) and isinstance(found.reason, PrimaryLost | CanaryLost):
        return _held(policy, rollout, seen, found)
    return found


@_breaks(14)
def an_obstacle_stops_everything(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A reconciliation that cannot read what is declared raises, and nobody looks at anything."""
    if seen.obstacles and rollout.phase in _ANALYSIS and seen.request is None and not seen.deleting:
        return step(evolve(policy, suspend=True), rollout.but(suspended=True), seen)
    return step(policy, rollout, seen)


# -- An obstacle never keeps a bad canary in traffic ----------------------------------------------------------------


@_breaks(15)
def an_obstacle_puts_the_rollback_off(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What used up its budget is rolled back as soon as nothing is in the way any more."""
    found = step(policy, rollout, seen)
    if seen.obstacles and isinstance(found, Step) and found.rollout.outcome is Outcome.CHECKS and not rollout.settled:
        return _held(policy, rollout, seen, found)
    return found


@_breaks(15, "paused")
def a_pause_puts_the_rollback_off(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A paused canary keeps its traffic, however it fails."""
    found = step(policy, rollout, seen)
    if rollout.paused and isinstance(found, Step) and found.rollout.outcome is Outcome.CHECKS and not rollout.settled:
        return _held(policy, rollout, seen, found)
    return found
