"""What the world around a rollout may do next, and what each port call does to it, in the abstract.

Shares nothing with the machine: a move is a change of facts, with words for it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve, frozen

from canary_core import (
    Decision,
    DropFormer,
    EnsurePrimary,
    HoldPrimary,
    Observation,
    Obstacle,
    PromotePrimary,
    ReleaseObject,
    ReleaseTraffic,
    RemovePrimary,
    Request,
    RestorePrimary,
    ScaleCanary,
    ScalePrimary,
    SetTraffic,
    Traffic,
    Verb,
    Workload,
)
from canary_sims.laws.truth import Facts, Pods

__all__ = ["FRESH", "Move", "acted", "behaved", "calm", "interferences", "observed", "trouble"]

FRESH: Final = "v1:new"
"""A revision that no state has seen before."""


@frozen(kw_only=True)
class Move:
    """Something that happens between two ticks."""

    text: str
    facts: Facts
    after_s: float = 0.0
    request: Verb | None = None

    @property
    def quiet(self) -> bool:
        """Whether nothing but time has happened."""
        return self.text.endswith("passes") or self.text == "nothing happens"


def calm(facts: Facts, *, interval_s: float, deadline_s: float, brief: bool = False) -> Iterator[Move]:
    """What happens where nothing goes wrong any more: time passes, pods become ready.

    Args:
        facts: The world as it is.
        interval_s: Of the policy.
        deadline_s: Longer than every deadline of the policy.
        brief: Whether time passes in whole intervals only, which add up to anything longer.
    """
    yield Move(text="an interval passes", facts=facts, after_s=interval_s)
    if not brief:
        yield Move(text="half an interval passes", facts=facts, after_s=interval_s / 2)
        yield Move(text="time beyond all deadlines passes", facts=facts, after_s=deadline_s)
    for pods, name in ((facts.target, "target"), (facts.primary, "primary")):
        ready = _mended(pods)
        if ready is not None and ready != pods:
            yield Move(text=f"the {name} becomes ready", facts=_with(facts, name, ready))


def trouble(facts: Facts, *, known: Sequence[str]) -> Iterator[Move]:
    """What else may happen without anybody's interference: pods fail, and the user declares something.

    Args:
        facts: The world as it is.
        known: Revisions that the stored rollout knows; the user may go back to them.
    """
    for pods, name in ((facts.target, "target"), (facts.primary, "primary")):
        if pods is not None and pods.asked:
            for text, failed in _failures(pods):
                yield Move(text=f"the {name} {text}", facts=_with(facts, name, failed))
    for text, target in _of_user(facts, known):
        yield Move(text=text, facts=evolve(facts, target=target))


def _with(facts: Facts, name: str, pods: Pods) -> Facts:
    return evolve(facts, target=pods) if name == "target" else evolve(facts, primary=pods)


def interferences(facts: Facts) -> Iterator[Move]:
    """What people and other tools may do besides: edit what is not theirs, delete, ask."""
    yield from _of_hands(facts)
    yield from _of_surroundings(facts)
    if facts.target is not None:
        yield Move(text="the target is deleted", facts=evolve(facts, target=None))
    if facts.primary is not None:
        yield Move(text="the primary is deleted", facts=evolve(facts, primary=None))
        yield Move(text="the primary is deleted with all that was kept", facts=evolve(facts, primary=None, kept=False))
    for verb in Verb:
        yield Move(text=f"a person asks to {verb.value}", facts=facts, request=verb)
    if not facts.deleting:
        yield Move(text="the object is deleted", facts=evolve(facts, deleting=True))


def _of_surroundings(facts: Facts) -> Iterator[Move]:
    """What else around a rollout may change: Services, references, the declaration itself."""
    if facts.obstructed:
        yield Move(text="nothing is in the way any more", facts=evolve(facts, obstructed=False))
    else:
        yield Move(text="something is in the way", facts=evolve(facts, obstructed=True))
    for pods, name in ((facts.target, "target"), (facts.primary, "primary")):
        if pods is not None and pods.reachable and pods.serving is not None:
            lost = evolve(pods, serving=None, reachable=False)
            yield Move(text=f"no Service leads to the {name}", facts=_with(facts, name, lost))


def _failures(pods: Pods) -> Iterator[tuple[str, Pods]]:
    """What pods do by themselves, other than becoming ready."""
    if pods.whole:
        yield "loses a pod", evolve(pods, whole=False)
    if pods.serving is not None:
        yield "dies", evolve(pods, serving=None, whole=False)
    if (pods.serving is None or pods.edited) and not pods.stalled:
        yield "gives up", evolve(pods, stalled=True)


def _of_user(facts: Facts, known: Sequence[str]) -> Iterator[tuple[str, Pods]]:
    """What the user declares: another revision, or one that was there before.

    One that the rollout has not noticed yet is not followed by yet another: that would be the same over again.
    """
    target = facts.target
    if target is None:
        yield "the target is declared", Pods(declared=FRESH)
        return
    if target.declared in known or not known:
        yield "a new revision is declared", _declared(target, FRESH)
    for revision in known:
        if revision != target.declared:
            yield f"{revision} is declared again", _declared(target, revision)


def _of_hands(facts: Facts) -> Iterator[Move]:
    """What people, or other tools, edit although it is not theirs."""
    target, routes = facts.target, facts.routes
    primary = facts.primary
    if primary is not None and primary.asked and not primary.edited:
        other = evolve(primary, edited=True, whole=False, stalled=False)
        yield Move(text="the primary's template is edited by hand", facts=evolve(facts, primary=other))
    if primary is not None and primary.asked:
        yield Move(text="the primary is scaled down by hand", facts=evolve(facts, primary=_scaled(primary, 0)))
    if target is not None and target.asked:
        yield Move(text="the target is scaled down by hand", facts=evolve(facts, target=_scaled(target, 0)))
    elif target is not None:
        yield Move(text="the target is scaled up by hand", facts=evolve(facts, target=_scaled(target, 1)))
    if routes is None:
        return
    yield Move(text="the routes are deleted by hand", facts=evolve(facts, routes=None, in_force_s=0.0))
    edited = evolve(facts, routes=Traffic(canary_weight=37), in_force_s=0.0)
    yield Move(text="37 % of the traffic is given to the target by hand", facts=edited)


def _declared(pods: Pods, revision: str) -> Pods:
    """Another template: pods that answer go on until new ones do."""
    return evolve(pods, declared=revision, whole=False, stalled=False, edited=False)


def _scaled(pods: Pods, asked: int) -> Pods:
    if bool(pods.asked) == bool(asked):
        return pods
    return evolve(pods, asked=min(1, asked), serving=None, whole=False, stalled=False)


def behaved(facts: Facts, promoted: str | None) -> Facts:
    """The world at its best: what is to run does, or gives up; what somebody has deleted is there again.

    Args:
        facts: The world as it is.
        promoted: What a primary that was lost is made from by hand. Only while the target declares something else:
            else it is the machine's business.
    """
    target = facts.target if facts.target is not None else Pods(declared=FRESH)
    primary = facts.primary
    if primary is None and promoted is not None and target.declared != promoted and not facts.kept:
        primary = Pods(declared=promoted)
    if primary is not None and primary.edited and primary.asked:
        primary = evolve(primary, stalled=True)
    return evolve(facts, target=_mended(target), primary=_mended(primary), obstructed=False)


def _mended(pods: Pods | None) -> Pods | None:
    if pods is None or pods.asked == 0 or pods.edited:
        return pods
    return evolve(pods, serving=pods.declared, whole=True, stalled=False, reachable=True)


# -- Ports ----------------------------------------------------------------------------------------------------------


def observed(facts: Facts, now_s: float, request: Verb | None) -> Observation:
    """What the ports tell of the facts."""
    return Observation(
        now_s=now_s,
        canary=_status(facts.target),
        primary=_status(facts.primary),
        routes=facts.routes,
        request=None if request is None else Request(id="r", verb=request),
        deleting=facts.deleting,
        obstacles=_OBSTACLES if facts.obstructed else (),
        kept=facts.good if facts.primary is None and facts.kept else frozenset(),
    )


_OBSTACLES: Final = (Obstacle(reason="Obstructed", message="something is in the way"),)


def _status(pods: Pods | None) -> Workload | None:
    if pods is None:
        return None
    if pods.asked == 0:
        return Workload(revision=pods.declared, edited=pods.edited)
    rolling = pods.serving is not None and (pods.serving != pods.declared or pods.edited)
    updated, total = (1, 3) if rolling else (2, 2)
    available = 2 if rolling or pods.whole or not pods.reachable else 0 if pods.serving is None else 1
    return Workload(
        revision=pods.declared,
        replicas=2,
        updated=updated,
        total=total,
        available=available,
        stalled=pods.stalled,
        reachable=pods.reachable,
        edited=pods.edited,
    )


def acted(facts: Facts, decision: Decision) -> Facts | str:
    """The facts after a decision was carried out, or why a port would have refused it."""
    match decision:
        case EnsurePrimary() | PromotePrimary() | RemovePrimary() | RestorePrimary():
            return _primary_acted(facts, decision)
        case ScalePrimary(replicas=replicas):
            return _with_pods(facts, "primary", facts.primary, replicas)
        case HoldPrimary() | DropFormer():
            return facts  # neither autoscalers nor former targets in these facts
        case ScaleCanary(replicas=replicas):
            return _with_pods(facts, "target", facts.target, replicas)
        case SetTraffic(traffic=traffic):
            return facts if traffic == facts.routes else evolve(facts, routes=traffic, in_force_s=0.0)
        case ReleaseTraffic():
            return evolve(facts, routes=None, in_force_s=0.0)
        case ReleaseObject():
            return evolve(facts, gone=facts.deleting)


def _primary_acted(
    facts: Facts, decision: EnsurePrimary | PromotePrimary | RemovePrimary | RestorePrimary
) -> Facts | str:
    match decision:
        case EnsurePrimary(revision=revision):
            return _with_primary(facts, revision, facts.primary or Pods(declared=revision))
        case PromotePrimary(revision=revision, replicas=replicas):
            return _promoted(facts, revision, replicas)
        case RemovePrimary():
            return evolve(facts, primary=None)
        case RestorePrimary():
            return evolve(facts, primary=_restored(facts.primary))


def _with_pods(facts: Facts, name: str, pods: Pods | None, replicas: int) -> Facts:
    return facts if pods is None else _with(facts, name, _scaled(pods, replicas))


def _promoted(facts: Facts, revision: str, replicas: int | None) -> Facts | str:
    primary = facts.primary
    if primary is None:
        return "there is no primary to promote"
    return _with_primary(facts, revision, primary if replicas is None else _scaled(primary, replicas))


def _with_primary(facts: Facts, revision: str, primary: Pods) -> Facts | str:
    kept = facts.primary is None and facts.kept and revision in facts.good
    if not kept and (facts.target is None or facts.target.declared != revision):
        return f"the target is not {revision}"
    return evolve(facts, primary=_restored(primary) if primary.declared == revision else _declared(primary, revision))


def _restored(pods: Pods | None) -> Pods | None:
    """As it was written, if somebody has edited it."""
    return pods if pods is None or not pods.edited else evolve(pods, edited=False, whole=False, stalled=False)
