"""Planted bugs of the machine, wrapped around the real one."""

from typing import Final

from attrs import evolve

from canary_core import (
    Ask,
    EnsurePrimary,
    HookType,
    MetricQuestion,
    NoData,
    Observation,
    Outcome,
    Phase,
    Policy,
    Rollout,
    Sample,
    ScaleCanary,
    SetTraffic,
    SourceError,
    Step,
    Traffic,
    step,
)
from canary_core.notices import Settled
from planted_bugs.planting import machine

_UNDER_ANALYSIS: Final = {Phase.PROGRESSING, Phase.WAITING_PROMOTION}


@machine()
def weights_are_relative(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A step adds to what is in force, so that one that is repeated adds again."""
    found = step(policy, rollout, seen)
    if not isinstance(found, Step) or rollout.phase is not Phase.PROGRESSING or seen.routes is None:
        return found
    grown = min(100, seen.routes.canary_weight + max(0, found.rollout.traffic.canary_weight - 1))
    decisions = tuple(
        SetTraffic(traffic=Traffic(canary_weight=grown))
        if isinstance(d, SetTraffic) and seen.routes.canary_weight
        else d
        for d in found.decisions
    )
    return evolve(found, decisions=decisions)


@machine("argoproj/argo-rollouts#4390")
def scales_before_it_routes(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A rollback takes the pods first and the traffic afterwards."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout.phase is Phase.FAILED and rollout.phase in _UNDER_ANALYSIS:
        return evolve(found, decisions=(ScaleCanary(replicas=0), *found.decisions))
    return found


@machine("fluxcd/flagger#256", "argoproj/argo-rollouts#3681")
def does_not_wait_for_the_routes(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """Routes that were ordered count as routes in force, and the pods go."""
    if rollout.phase in {Phase.FINALISING, Phase.FAILED} and seen.routes is not None:
        found = step(policy, rollout, evolve(seen, routes=rollout.traffic, now_s=seen.now_s + policy.interval_s))
        return found if isinstance(found, Ask) else evolve(found, next_s=None)
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#1158")
def forgets_drift(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What is stored is taken for what is in force."""
    if rollout.phase is Phase.PROGRESSING and seen.routes is not None:
        return step(policy, rollout, evolve(seen, routes=rollout.traffic))
    return step(policy, rollout, seen)


@machine("argoproj/argo-rollouts#1411")
def promotes_although_checks_failed(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What fails counts as passed once the last weight is reached."""
    if rollout.phase is Phase.PROGRESSING and rollout.traffic.canary_weight == policy.max_weight:
        seen = _brightened(policy, seen, [_is_metric(each.question) for each in seen.answers])
    return step(policy, rollout, seen)


def _brightened(policy: Policy, seen: Observation, which: list[bool]) -> Observation:
    """With good values in the place of some answers."""
    pairs = zip(seen.answers, which, strict=True)
    return evolve(seen, answers=tuple(evolve(a, answer=_good(policy, a.question)) if bad else a for a, bad in pairs))


def _is_metric(question: object) -> bool:
    return isinstance(question, MetricQuestion)


def _good(policy: Policy, question: object) -> Sample:
    assert isinstance(question, MetricQuestion)
    bound = next(check.bound for check in policy.checks if check.id == question.check)
    return Sample(value=bound.minimum if bound.minimum is not None else bound.maximum or 0.0, count=1000)


@machine("fluxcd/flagger#1011")
def takes_no_data_for_good(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A source that has no value says that all is well."""
    good = tuple(
        evolve(a, answer=_good(policy, a.question)) if isinstance(a.answer, NoData) else a for a in seen.answers
    )
    return step(policy, rollout, evolve(seen, answers=good))


@machine("fluxcd/flagger#1581")
def takes_an_error_for_good(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A source that is down says that all is well."""
    down = [isinstance(each.answer, SourceError) and _is_metric(each.question) for each in seen.answers]
    return step(policy, rollout, _brightened(policy, seen, down))


@machine("fluxcd/flagger#1801")
def forgets_failures(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """The budget is never used up."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout.phase in _UNDER_ANALYSIS:
        counts = evolve(found.rollout.counts, failed=min(1, found.rollout.counts.failed))
        return evolve(found, rollout=found.rollout.but(counts=counts))
    return found


@machine("fluxcd/flagger#1508")
def any_failure_rolls_back(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """One lost answer of a metric server is enough."""
    return step(evolve(policy, threshold=1), rollout, seen)


@machine("argoproj/argo-rollouts#720")
def does_not_wait_for_the_interval(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A weight is judged whenever somebody looks."""
    if rollout.phase is Phase.PROGRESSING and rollout.started and seen.routes == rollout.traffic:
        return step(policy, rollout.but(since_s=seen.now_s - policy.interval_s), seen)
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#874")
def routes_to_pods_that_are_not_there(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """The canary counts as ready as soon as its pods were asked for."""
    canary = seen.canary
    if rollout.phase is Phase.PROGRESSING and canary is not None and canary.replicas and not canary.available:
        up = evolve(canary, updated=canary.replicas, total=canary.replicas, available=canary.replicas)
        return step(policy, rollout, evolve(seen, canary=up))
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#1202")
def returns_traffic_too_soon(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """The promotion does not wait for the primary to be ready on the new revision."""
    primary = seen.primary
    if rollout.phase is Phase.PROMOTING and primary is not None and primary.available:
        ready = evolve(primary, updated=primary.replicas, total=primary.replicas, available=primary.replicas)
        return step(policy, rollout, evolve(seen, primary=ready))
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#1931", "fluxcd/flagger#1898")
def rolls_back_to_the_overwritten_primary(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A failed promotion sends all traffic to the primary, which is what has failed."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout.outcome is Outcome.PROMOTION and rollout.phase is Phase.PROMOTING:
        back = Traffic()
        return evolve(found, rollout=found.rollout.but(traffic=back), decisions=(SetTraffic(traffic=back),))
    return found


@machine("fluxcd/flagger#1591", "fluxcd/flagger#1588")
def waits_for_ever_in_the_promotion(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """There is no deadline once the promotion has begun."""
    if rollout.phase is Phase.PROMOTING:
        waiting = None if rollout.waiting is None else evolve(rollout.waiting, since_s=seen.now_s)
        return step(policy, rollout.but(changed_s=seen.now_s, waiting=waiting), seen)
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#379")
def never_finishes(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """Finalising is never left."""
    found = step(policy, rollout, seen)
    if rollout.phase is Phase.FINALISING and isinstance(found, Step) and found.rollout.phase is Phase.SUCCEEDED:
        return Step(rollout=rollout, reason=found.reason, next_s=seen.now_s + policy.interval_s)
    return found


@machine("fluxcd/flagger#1801")
def no_rollback_at_a_closed_gate(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """While a gate is waited for, used-up budgets are not looked at."""
    if rollout.phase is Phase.WAITING_PROMOTION:
        return step(evolve(policy, threshold=1000), rollout, seen)
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#1468", "fluxcd/flagger#1307")
def does_not_ask_the_hooks(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """Hooks of type rollout count as passed in any case."""
    hooks = tuple(hook for hook in policy.hooks if hook.type is not HookType.ROLLOUT)
    return step(evolve(policy, hooks=hooks), rollout, seen)


@machine("fluxcd/flagger#1673", "fluxcd/flagger#1799")
def an_upgrade_is_a_new_revision(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """The fingerprint depends on something of the controller: here, on the time."""
    canary = seen.canary
    if rollout.phase in Phase.settled() and canary is not None and seen.now_s > 150.0:
        return step(policy, rollout, evolve(seen, canary=evolve(canary, revision=f"{canary.revision}'")))
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#640", "fluxcd/flagger#853")
def deletion_gives_back_too_soon(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """The routes are given back before the target has pods."""
    canary = seen.canary
    if rollout.phase is Phase.TERMINATING and canary is not None and not canary.available:
        up = evolve(canary, replicas=2, updated=2, total=2, available=2)
        return step(policy, rollout, evolve(seen, canary=up))
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#1444", "fluxcd/flagger#773")
def adoption_scales_down_first(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """The live target is taken away as soon as its copy was asked for."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and any(isinstance(each, EnsurePrimary) for each in found.decisions):
        return evolve(found, decisions=(*found.decisions, ScaleCanary(replicas=0)))
    return found


@machine("fluxcd/flagger#1816")
def ends_in_silence(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What is to be told of the end is not kept, but told right away or never."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout.pending and not rollout.pending:
        return evolve(found, rollout=found.rollout.but(pending=()), notices=found.rollout.pending)
    return found


@machine("fluxcd/flagger#427")
def tells_again_and_again(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """What it waits for is told with every tick."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout == rollout and not found.decisions:
        return evolve(found, notices=(found.reason,))
    return found


@machine("fluxcd/flagger#1934")
def succeeds_without_looking(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """Succeeded is what it is called after the last order, whether or not the primary serves."""
    primary = seen.primary
    if rollout.phase is Phase.FINALISING and primary is not None:
        ready = evolve(primary, replicas=2, updated=2, total=2, available=2)
        return step(policy, rollout, evolve(seen, primary=ready))
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#1152", "devantler-tech/platform#2387")
def is_wedged_in_failed(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A failed rollout takes no notice of newer revisions."""
    canary = seen.canary
    if rollout.phase is Phase.FAILED and canary is not None and rollout.outcome is not Outcome.PROMOTION:
        return step(policy, rollout, evolve(seen, canary=evolve(canary, revision=rollout.applied)))
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#1277", "argoproj/argo-rollouts#1982")
def raises(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """There is no answer to a target that lost its pods in the middle of an analysis."""
    if rollout.phase is Phase.PROGRESSING and rollout.started and seen.canary is not None:
        assert seen.canary.replicas, "no pods"
    return step(policy, rollout, seen)


@machine("fluxcd/flagger#1532")
def overshoots(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """The last weight is more than was declared."""
    found = step(policy, rollout, seen)
    if (
        isinstance(found, Step)
        and found.rollout.phase is Phase.PROGRESSING
        and found.rollout.traffic.canary_weight > 40
    ):
        more = Traffic(canary_weight=90)
        decisions = tuple(SetTraffic(traffic=more) if isinstance(d, SetTraffic) else d for d in found.decisions)
        return evolve(found, rollout=found.rollout.but(traffic=more), decisions=decisions)
    return found


@machine()
def is_restless(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """It asks a hook although nothing is going on."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout == rollout and rollout.settled and not seen.answers:
        return Ask(questions=(MetricQuestion(check=policy.checks[0].id),))
    return found


@machine("fluxcd/flagger#638")
def keeps_the_controller_busy(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """A settled rollout is written again with every tick."""
    found = step(policy, rollout, seen)
    if isinstance(found, Step) and found.rollout == rollout and rollout.settled and isinstance(found.reason, Settled):
        return evolve(found, rollout=rollout.but(kept_s=seen.now_s))
    return found
