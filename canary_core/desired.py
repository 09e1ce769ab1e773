"""What a state of a rollout calls for, and what of it the outside still lacks.

This is the level-triggered half of the machine: it does not know how a state was reached. Whatever was lost between
storing an intent and acting on it shows here as a difference, and is made up for.
"""

import enum
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from canary_core.decisions import (
    Decision,
    DropFormer,
    EnsurePrimary,
    HoldPrimary,
    PromotePrimary,
    ReleaseObject,
    ReleaseTraffic,
    RemovePrimary,
    RestorePrimary,
    ScaleCanary,
    ScalePrimary,
    SetTraffic,
)
from canary_core.observation import Observation
from canary_core.phases import Phase
from canary_core.policy import Policy
from canary_core.rollout import Outcome, Rollout
from canary_core.traffic import Traffic
from canary_core.values import Value
from canary_core.workload import Workload, readiness

__all__ = ["Desired", "Pods", "desired", "difference", "drained_s", "is_in_force", "is_new", "strands"]


class Pods(enum.Enum):
    """What the target should ask for."""

    UP = "up"
    """At least one pod."""
    DOWN = "down"
    """None, once it has no traffic and somebody else can serve."""
    ANY = "any"
    """Whatever its owner says."""


@frozen(kw_only=True, repr=False)
class Desired(Value):
    """What is to be the case outside."""

    primary: str | None
    """The revision that the primary runs. None: no matter."""
    traffic: Traffic | None
    """None: the routes are not ours (yet, or any more)."""
    pods: Pods
    held: int | None = None
    """The fewest pods that the primary's autoscaler keeps. None: as declared."""


_HANDS_OFF: Final = Desired(primary=None, traffic=None, pods=Pods.ANY)
_MAKING_PRIMARY: Final = frozenset({Phase.INITIALIZING, Phase.PROMOTING})
_WITH_CANARY: Final = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION, Phase.PROMOTING})
_RESTING: Final = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED})
_UNDER_WAY: Final = _WITH_CANARY | {Phase.FINALISING}


def desired(policy: Policy, rollout: Rollout) -> Desired:
    """What a state calls for. It depends on nothing that was observed."""
    phase = rollout.phase
    if phase is Phase.TERMINATED or (phase is Phase.FAILED and rollout.outcome is Outcome.INITIALIZATION):
        return _HANDS_OFF
    if phase is Phase.TERMINATING:
        return Desired(primary=None, traffic=None, pods=Pods.UP if policy.revert_on_deletion else Pods.ANY)
    held = rollout.applied if phase in _MAKING_PRIMARY else rollout.promoted
    up = phase in _WITH_CANARY or rollout.traffic.reaches_canary
    fewest = rollout.replicas or None if phase in _UNDER_WAY else None
    return Desired(primary=held, traffic=rollout.traffic, pods=Pods.UP if up else Pods.DOWN, held=fewest)


def drained_s(policy: Policy, rollout: Rollout) -> float:
    """From when on the canary may be scaled down, if it has had no traffic since `Rollout.since_s`.

    While finalising, an interval is left in any case, as with Flagger; a rollback does not wait unless told to.
    """
    pause = max(policy.interval_s, policy.drain_s) if rollout.phase is Phase.FINALISING else policy.drain_s
    return rollout.since_s + pause


def difference(policy: Policy, rollout: Rollout, seen: Observation) -> tuple[Decision, ...]:
    """What has to be done, and may be done now, to come from what is seen to what is desired.

    Safe at any moment: no traffic to who cannot serve, no pods taken from under traffic. What is not safe yet is left
    out and comes later.
    """
    if is_in_force(rollout, seen):
        return ()
    if rollout.phase is Phase.TERMINATED:
        return (ReleaseObject(),) if seen.deleting else ()
    want = desired(policy, rollout)
    if want is _HANDS_OFF:
        return ()
    found: list[Decision | None] = []
    pods, routed = want.pods, want.traffic == seen.routes
    found += _for_primary(policy, rollout, want, seen)
    if pods is Pods.UP:
        found.append(_scale_up(seen))
    if not routed:
        found.append(_traffic(policy, rollout, want, seen))
    if pods is Pods.DOWN:
        found.append(_scale_down(policy, rollout, seen, routed=routed))
    if seen.former and rollout.phase in _RESTING and routed and _can_serve(seen.primary):
        found.append(DropFormer())
    return tuple(filter(None, found))


def _for_primary(policy: Policy, rollout: Rollout, want: Desired, seen: Observation) -> Iterator[Decision | None]:
    """Make it, or change it; give it pods; have its autoscaler keep them."""
    primary = seen.primary
    if primary is None or rollout.phase in _MAKING_PRIMARY:
        yield _primary(rollout, want, seen)
    if primary is not None and primary.edited and want.primary is not None:
        yield _restore(policy, rollout, want.primary, seen)
    if primary is not None and primary.replicas == 0 and want.primary is not None:
        yield _revive(primary, rollout)
    if primary is not None and primary.floor is not None:
        yield _hold(primary, want.held)


def strands(seen: Observation) -> bool:
    """Whether requests go where no pod answers, or nobody can tell where they go.

    Somebody who applies a manifest again may have done that; it cannot wait, whoever is to win in the end.
    """
    routes = seen.routes
    if routes is None:
        return True
    lost_on_canary = routes.canary_weight > 0 and not _can_serve(seen.canary)
    lost_on_primary = not routes.leaves_primary_nothing and not _can_serve(seen.primary)
    return lost_on_canary or lost_on_primary


def is_in_force(rollout: Rollout, seen: Observation) -> bool:
    """The common case, seen at a glance: an analysis goes on, and everything is as it should be."""
    canary, primary, split = seen.canary, seen.primary, rollout.traffic
    if primary is None or canary is None or primary.floor is not None or not primary.replicas or seen.former:
        return False
    if primary.edited:
        return False
    if canary.replicas:
        at_rest = rollout.phase is Phase.PROGRESSING
    else:
        at_rest = rollout.phase in _RESTING and not split.reaches_canary
    return at_rest and (seen.routes is split or seen.routes == split)


def _primary(
    rollout: Rollout, want: Desired, seen: Observation
) -> EnsurePrimary | PromotePrimary | RemovePrimary | None:
    """A template is taken from the target while that is the wanted revision, or from what is kept of it."""
    primary, canary = seen.primary, seen.canary
    if want.primary is None:
        return None
    if canary is None or canary.revision != want.primary:
        from_kept = primary is None and want.primary in seen.kept
        return EnsurePrimary(revision=want.primary, replicas=max(1, rollout.replicas)) if from_kept else None
    if primary is None:
        return EnsurePrimary(revision=want.primary, replicas=max(1, canary.replicas, rollout.replicas))
    if rollout.phase is Phase.PROMOTING and (primary.edited or primary.revision != want.primary):
        if primary.rigid:
            return _remove(seen)
        replicas = None if canary.floor is not None else max(1, canary.replicas)
        return PromotePrimary(revision=want.primary, replicas=replicas)
    outdated = primary.revision is not None and primary.revision != want.primary
    if rollout.phase is Phase.INITIALIZING and outdated and seen.routes is None:
        return EnsurePrimary(revision=want.primary, replicas=max(1, canary.replicas))
    return None


def _restore(policy: Policy, rollout: Rollout, revision: str, seen: Observation) -> RestorePrimary | None:
    """What somebody else has put into the primary stays if it becomes ready: an urgent fix, or a restart.

    It gets all the time of a rollout for that, unless a new revision is there: that needs a primary to go back to.
    """
    if rollout.phase is Phase.PROMOTING:
        return None
    found = readiness(
        seen.primary,
        percent=policy.primary_ready_percent,
        deadline_s=policy.progress_deadline_s,
        now_s=seen.now_s,
    )
    if found.ready or (found.retriable and rollout.phase in _RESTING and not is_new(rollout, seen)):
        return None
    return RestorePrimary(revision=revision)


def is_new(rollout: Rollout, seen: Observation) -> bool:
    """Whether a revision is declared that nobody has begun with."""
    declared = seen.canary.revision if seen.canary is not None else None
    return declared not in {None, rollout.applied, rollout.promoted}


def _remove(seen: Observation) -> RemovePrimary | None:
    """A primary that has to be made anew goes when the canary has all the traffic, and can serve it."""
    alone = seen.routes is not None and seen.routes.leaves_primary_nothing
    return RemovePrimary() if alone and _can_serve(seen.canary) else None


def _revive(primary: Workload, rollout: Rollout) -> ScalePrimary:
    """An autoscaler does not touch what has no replicas, so that this is for us to do with one, too."""
    return ScalePrimary(replicas=max(1, rollout.replicas, primary.floor or 0))


def _hold(primary: Workload, fewest: int | None) -> HoldPrimary | None:
    """An autoscaler takes away pods that have no work, and would have to bring them back under full load."""
    return None if primary.held == fewest else HoldPrimary(replicas=fewest)


def _scale_up(seen: Observation) -> ScaleCanary | None:
    canary = seen.canary
    if canary is None or canary.replicas > 0:
        return None
    if canary.floor is not None:
        return ScaleCanary(replicas=max(1, canary.floor))
    return ScaleCanary(replicas=max(1, seen.primary.replicas if seen.primary is not None else 1))


def _traffic(policy: Policy, rollout: Rollout, want: Desired, seen: Observation) -> Decision | None:
    split = want.traffic
    if split is None:
        return _release(policy, seen)
    if split.reaches_canary and not _can_serve(seen.canary):
        return None
    if not split.leaves_primary_nothing and not _primary_may_serve(policy, rollout, seen):
        return None
    return SetTraffic(traffic=split)


def _release(policy: Policy, seen: Observation) -> ReleaseTraffic | None:
    """Routes are given back when the target can serve; a target that is gone cannot be waited for."""
    if seen.routes is None or not policy.revert_on_deletion:
        return None
    return ReleaseTraffic() if seen.canary is None or _can_serve(seen.canary) else None


def _scale_down(policy: Policy, rollout: Rollout, seen: Observation, *, routed: bool) -> ScaleCanary | None:
    canary = seen.canary
    if canary is None or canary.replicas == 0:
        return None
    without_traffic = routed and _can_serve(seen.primary)
    return ScaleCanary(replicas=0) if without_traffic and seen.now_s >= drained_s(policy, rollout) else None


def _can_serve(workload: Workload | None) -> bool:
    return workload is not None and workload.can_serve


def _primary_may_serve(policy: Policy, rollout: Rollout, seen: Observation) -> bool:
    """Traffic comes to a primary for the first time when it is ready; it comes back as soon as it can serve."""
    if rollout.phase is not Phase.INITIALIZING or seen.routes is not None:
        return _can_serve(seen.primary)
    found = readiness(
        seen.primary,
        percent=policy.primary_ready_percent,
        deadline_s=policy.progress_deadline_s,
        now_s=seen.now_s,
    )
    return found.ready
