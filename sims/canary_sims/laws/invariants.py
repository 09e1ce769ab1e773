"""The invariants of a rollout, as named functions over what really happened.

Each takes an `Event` and returns None, or says in a sentence what is broken. Simulator, exploration and state machine
test use these same functions; `INVARIANTS` lists them, with those of `capacity`, `serving` and `sessions`. Two of
them cannot be seen in a single event: that a rollout always ends (8) and that a crash breaks nothing (9). For these
the event is what the whole of it came to.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from canary_core import (
    Approved,
    HookQuestion,
    HookType,
    KnownGood,
    MetricQuestion,
    Outcome,
    Phase,
    Rollout,
    Wait,
)
from canary_sims.laws.capacity import primary_keeps_its_pods
from canary_sims.laws.serving import (
    for_want_of_a_primary,
    obstacles_keep_no_bad_canary,
    traffic_goes_to_what_answers,
)
from canary_sims.laws.sessions import cookies_belong_to_one_rollout
from canary_sims.laws.truth import (
    ANALYSIS,
    Acted,
    Decided,
    Event,
    Facts,
    Rested,
    canary_share,
    passes,
    primary_share,
    used_up,
)

__all__ = ["INVARIANTS", "Invariant", "broken"]

Invariant: TypeAlias = Callable[[Event], "str | None"]


def weights_are_whole(event: Event) -> str | None:
    """1. Primary and canary weights are each 0-100 and sum to 100.

    Scope: every split that is stored, and every split that the driver puts in force. Copies (mirroring) are no share.
    """
    splits = []
    if isinstance(event, Decided):
        splits.append(event.after.traffic)
    elif isinstance(event, Acted) and event.after.routes is not None:
        splits.append(event.after.routes)
    for split in splits:
        weights = (split.primary_weight, split.canary_weight)
        if not all(0 <= weight <= 100 for weight in weights) or sum(weights) != 100:
            return f"weights are {weights[0]}/{weights[1]}"
    return None


def traffic_goes_to_the_ready(event: Event) -> str | None:
    """2. Traffic is never sent to a workload that was not ready when it was routed there.

    Scope: each change of the routes by the driver. Ready means: some pod can answer. A workload whose share does not
    rise, and did not come from nowhere, is not routed to. Copies count as traffic.

    Exception: routes are given back, on deletion, to a target that does not exist any more; there is nobody else.
    """
    if not isinstance(event, Acted) or event.before.routes == event.after.routes:
        return None
    before, after = event.before, event.after
    target, primary = after.target, after.primary
    released = after.routes is None and target is None
    mirrored = after.routes is not None and after.routes.mirrored
    gains = (canary_share(after.routes) > canary_share(before.routes) or mirrored) and not released
    if gains and (target is None or target.serving is None):
        return f"{after.routes} gives traffic to a canary without a pod that can answer"
    rises = primary_share(after.routes) > primary_share(before.routes)
    if rises and (primary is None or primary.serving is None):
        return f"{after.routes} gives traffic to a primary without a pod that can answer"
    return None


def canary_keeps_to_its_maximum(event: Event) -> str | None:
    """3. The canary weight never exceeds the largest step of the policy before promotion.

    Scope: each change of the routes by the driver, until the target's revision has been let through to its promotion.

    Exceptions: with a primary that cannot answer at all, all traffic stays on the canary for want of another, after
    a failed promotion; a newer revision is then judged where the traffic is. Routes given back on deletion leave no
    primary to share with.
    """
    if not isinstance(event, Acted) or event.before.routes == event.after.routes or event.after.routes is None:
        return None
    share, most = event.after.routes.canary_weight, event.policy.max_weight
    target, primary = event.after.target, event.after.primary
    approved = target is not None and target.declared in event.after.good
    stranded = primary is None or primary.serving is None
    if share > most and not approved and not stranded:
        return f"an unproven canary gets {share} %, more than the largest step, {most} %"
    return None


def weight_rises_after_passed_checks(event: Event) -> str | None:
    """4. A weight rises only after every check passed at the previous weight, measured over a full interval in force.

    Scope: each stored rise of the canary's weight, or of the iterations done, while it is judged. The answers that
    let it rise belong to this very decision, and the routes were those intended, unchanged, for an interval.

    Exceptions: the first step. Nothing has reached the canary before it, so there is nothing to measure. And all
    traffic for want of a primary that can answer (ADR 0041).
    """
    if not isinstance(event, Decided) or event.after.phase not in ANALYSIS or event.before.phase not in ANALYSIS:
        return None
    before, after = event.before, event.after
    if before.applied != after.applied:
        return None
    rises = after.traffic.canary_weight > before.traffic.canary_weight or after.iterations > before.iterations
    first = not before.traffic.canary_weight and not before.traffic.mirrored and not before.iterations
    if not rises or first or for_want_of_a_primary(event.facts):
        return None
    return _unmeasured(event, "the weight rises")


def _unmeasured(event: Decided, what: str) -> str | None:
    facts, intended = event.facts, event.before.traffic
    if facts.routes != intended:
        return f"{what}, but {facts.routes} was in force instead of {intended}"
    if facts.in_force_s < event.policy.interval_s:
        return f"{what} after only {facts.in_force_s:g} s at the previous weight"
    answered = {a.question.check: a for a in event.answers if isinstance(a.question, MetricQuestion)}
    for check in event.policy.checks:
        if check.id not in answered:
            return f"{what}, but check {check.id} was not asked"
        if not passes(check, answered[check.id]):
            return f"{what}, but check {check.id} did not pass: {answered[check.id].answer}"
    for hook in event.policy.hooks_of(HookType.ROLLOUT):
        questions = [a for a in event.answers if isinstance(a.question, HookQuestion)]
        said = [a.answer for a in questions if isinstance(a.question, HookQuestion) and a.question.hook == hook.id]
        if said != [Approved()]:
            return f"{what}, but hook {hook.id} said {said}"
    return None


def rollback_returns_to_the_primary(event: Event) -> str | None:
    """5. After a rollback all traffic is on the primary, and its spec is unchanged since the last promotion.

    Scope: the end of each tick (but while suspended) that leaves a failed rollout, if routes are as intended; and
    the promotion of a revision that was never let through.

    Exceptions: it concerns rollbacks, not failed promotions or initialisations. If no pod of the primary could answer,
    the traffic was left as it was, which the record says by `KnownGood.NONE`, and `NoKnownGood` was told.
    """
    if isinstance(event, Acted):
        return _overwritten(event)
    if not isinstance(event, Rested) or event.rollout.phase is not Phase.FAILED or event.policy.suspend:
        return None
    if event.rollout.outcome in {Outcome.PROMOTION, Outcome.INITIALIZATION}:
        return None
    facts, routes = event.facts, event.facts.routes
    serves = facts.primary is not None and facts.primary.serving is not None
    if serves and (event.rollout.traffic.canary_weight or event.rollout.traffic.mirrored):
        return f"rolled back, and the primary can answer, but {event.rollout.traffic} is wanted"
    if event.changes and routes == event.rollout.traffic and routes.canary_weight and serves:
        return f"rolled back with {routes} in force"
    if facts.primary is not None and facts.primary.declared not in facts.good:
        return f"rolled back to a primary that holds {facts.primary.declared}, which was never promoted"
    return None


def _overwritten(event: Acted) -> str | None:
    primary, before = event.after.primary, event.before.primary
    new = primary is not None and (before is None or before.declared != primary.declared)
    if new and primary is not None and primary.declared not in event.after.good:
        return f"the primary is given {primary.declared}, which has not proved itself"
    return None


def failed_checks_never_promote(event: Event) -> str | None:
    """6. A failed check never promotes; `threshold` failures always roll back.

    Scope: each decision while the canary is judged. Failures are counted outside the machine, from the answers given.
    A promotion out of the analysis needs every check passed at the last step, over a full interval. Once a budget is
    used up the weight does not rise any more, and the analysis ends in Failed.

    Exceptions: analysis declared, or asked by a person, to be skipped, while no budget is used up. What is declared
    again (promoted revision) or anew (newer revision), or deleted, ends the analysis in its own way. All traffic goes
    to the canary for want of a primary that can answer (ADR 0041).
    """
    if not isinstance(event, Decided) or event.before.phase not in ANALYSIS:
        return None
    before, after, policy = event.before, event.after, event.policy
    spent = used_up(policy, event.facts.failures)
    promoted = after.phase is Phase.PROMOTING
    if spent and before.applied == after.applied:
        target = event.facts.target
        other = target is not None and target.declared != before.applied
        rises = after.traffic.canary_weight > before.traffic.canary_weight or after.iterations > before.iterations
        rises = rises and not for_want_of_a_primary(event.facts)
        left = after.phase not in ANALYSIS and after.phase not in {Phase.FAILED, Phase.TERMINATING} and not other
        if promoted or rises or left:
            return f"{event.facts.failures} used up a budget, but it goes on to {after.phase.value}"
    if promoted and not (policy.skip_analysis or before.skipped):
        return _unmeasured(event, "it is promoted")
    return None


def traffic_leaves_before_pods_do(event: Event) -> str | None:
    """7. Traffic leaves a workload before it is scaled down, and returns to the primary only when it runs the new spec.

    Scope: each scaling down of the target by the driver; and each decision to raise the primary's share while
    promoting, when a pod of the new revision must answer. Routes that are put back as they were are no rise.

    Exception: traffic may return earlier if the canary cannot answer, or is no longer the revision under promotion,
    since the old and the new content of the primary are both known to be good.
    """
    if isinstance(event, Acted):
        return _scaled_down_too_soon(event)
    if not isinstance(event, Decided) or event.before.phase is not Phase.PROMOTING:
        return None
    if event.after.phase not in {Phase.PROMOTING, Phase.FINALISING}:
        return None
    if primary_share(event.after.traffic) <= primary_share(event.before.traffic):
        return None
    target, primary, wanted = event.facts.target, event.facts.primary, event.before.applied
    lost = target is None or target.serving is None or target.declared != wanted
    if not lost and (primary is None or primary.serving != wanted):
        return f"traffic returns to a primary that serves {primary.serving if primary else None}, not {wanted}"
    return None


def _scaled_down_too_soon(event: Acted) -> str | None:
    before, after = event.before, event.after
    if before.target is None or after.target is None or before.target.asked == 0 or after.target.asked > 0:
        return None
    routes = before.routes
    if routes is None or routes.canary_weight or routes.mirrored:
        return f"the canary is scaled down with {routes} in force"
    if before.in_force_s < event.policy.drain_s:
        return f"the canary is scaled down {before.in_force_s:g} s after it had traffic"
    return None


def rollout_ends(event: Event) -> str | None:
    """8. From every reachable state, if the world behaves, the rollout reaches its end.

    Its end is Succeeded, Initialized, Failed or Terminated, settled, with what is declared dealt with. Exploration
    and simulation bring the behaving world about (pods start, checks pass, gates open, nobody interferes) and count;
    of single events only that which could never end is seen here: a settled state that leaves something open.
    """
    if not isinstance(event, Rested) or not event.idle:
        return None
    rollout, target = event.rollout, event.facts.target
    if event.policy.suspend or rollout.paused or target is None or rollout.outcome is Outcome.INITIALIZATION:
        return None
    if rollout.phase is Phase.TERMINATED or rollout.waiting is not None:
        return None
    if target.declared not in {rollout.applied, rollout.promoted} and not event.changes and not event.asked:
        return f"{rollout.phase.value} takes no notice of {target.declared}"
    return None


def crashes_are_harmless(event: Event) -> str | None:
    """9. Crash anywhere, twice, with any write lost or duplicated, any read stale: 1 to 8 still hold.

    Exploration and state machine test crash, lose and repeat, and check all the others meanwhile. What can be seen in
    a single event is what makes it so: the driver acts only as the stored state says.

    Scope: each change of the routes by the driver. Exception: routes given back on deletion.
    """
    if not isinstance(event, Acted) or event.before.routes == event.after.routes:
        return None
    routes, wanted = event.after.routes, event.rollout.traffic
    if routes is not None and routes != wanted:
        return f"{routes} is put in force, but {wanted} is stored"
    return None


def settled_is_silent(event: Event) -> str | None:
    """10. A settled canary causes no write and no question to a metric source or hook.

    Scope: each tick that begins settled, with nothing new outside. (That it causes no read either is the business of
    the controller that calls the driver.)
    """
    if isinstance(event, Rested) and event.idle and (event.asked or event.changes):
        return f"{event.asked} questions and {event.changes} changes in a settled state"
    return None


def somebody_good_can_serve(event: Event) -> str | None:
    """11. At every instant some ready workload with a known-good revision can take all the traffic, or it is told.

    Scope: no action takes the pods of the last one that can away; and where none can, the traffic is not moved to
    a workload that is no better, no pods are taken away, and at the end of the tick the state says that it waits for,
    or has, no known-good workload.

    Exceptions: pods that die by themselves are nobody's decision. While the canary is judged where all traffic is
    already, for want of a primary, its own way to the promotion goes on. Deletion gives back what there is, and
    before routes of ours were made nothing has been taken over.
    """
    if isinstance(event, Acted):
        return _worse(event.before, event.after)
    if not isinstance(event, Rested) or event.facts.holders() or event.changes or event.policy.suspend:
        return None
    rollout = event.rollout
    untouched = rollout.phase is Phase.INITIALIZING and event.facts.routes is None
    if untouched or rollout.phase in {Phase.TERMINATING, Phase.TERMINATED} or _says_none(rollout):
        return None
    return f"nobody with a known-good revision can answer, and {rollout.phase.value} does not say so"


def _worse(before: Facts, after: Facts) -> str | None:
    if before.holders() and not after.holders():
        return "the last workload with a known-good revision is taken away"
    down = before.target is not None and after.target is not None and before.target.asked > after.target.asked
    if not before.holders() and down and before.target is not None and before.target.serving is not None:
        return "pods are taken away although nobody with a known-good revision can answer"
    return None


def _says_none(rollout: Rollout) -> bool:
    waits = rollout.waiting is not None and rollout.waiting.on in {Wait.PRIMARY, Wait.CANARY, Wait.TARGET}
    gave_up = rollout.outcome is Outcome.INITIALIZATION
    return waits or rollout.known_good is KnownGood.NONE or gave_up


INVARIANTS: Final[Mapping[int, Invariant]] = MappingProxyType(
    {
        1: weights_are_whole,
        2: traffic_goes_to_the_ready,
        3: canary_keeps_to_its_maximum,
        4: weight_rises_after_passed_checks,
        5: rollback_returns_to_the_primary,
        6: failed_checks_never_promote,
        7: traffic_leaves_before_pods_do,
        8: rollout_ends,
        9: crashes_are_harmless,
        10: settled_is_silent,
        11: somebody_good_can_serve,
        12: primary_keeps_its_pods,
        13: cookies_belong_to_one_rollout,
        14: traffic_goes_to_what_answers,
        15: obstacles_keep_no_bad_canary,
    }
)
"""All of them, by their number in the design, and those that were found to be missing there."""


_CONCERNED: Final[Mapping[type[Event], tuple[int, ...]]] = MappingProxyType(
    {Decided: (1, 4, 6, 7, 12), Acted: (1, 2, 3, 5, 7, 9, 11, 12, 13), Rested: (5, 8, 10, 11, 12, 14, 15)}
)
"""Which of them say anything about an event, so that none is asked in vain."""


def broken(event: Event) -> tuple[str, ...]:
    """What an event breaks: name of the invariant and how; nothing if all is well."""
    found = []
    for number in _CONCERNED[type(event)]:
        invariant = INVARIANTS[number]
        message = invariant(event)
        if message is not None:
            found.append(f"invariant {number}, {invariant.__name__}: {message}")
    return tuple(found)
