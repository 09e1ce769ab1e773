"""A policy made small, and a state made canonical: what keeps exhaustive exploration finite.

What is left out, and why nothing is lost by it:

- *Numbers of steps.* Two weights, two iterations, a threshold of two, one for other budgets: the machine compares a
  counter with its end, or looks for the next weight, and a second step is like a third.
- *Durations.* An interval is 1, other durations are 0, 1 or 2 intervals: the machine only compares ages with them. An
  age is rounded down to whole intervals, and beyond the longest duration that it can be compared with it counts as
  that.
- *Checks and hooks.* One check, one hook of each type: that the verdict of several is the worst of theirs, and that
  hooks are asked in turn, are laws with tests of their own.
- *Names.* Revisions and cookies are renamed in the order in which a state mentions them; only equality counts.
- *Causes.* All rollbacks are one: what used up its budget, came too late or was aborted is treated alike. Likewise a
  promotion, with or without an analysis.
- *Waits of settled states* have no deadline.
- *Suspension.* While a policy is suspended the machine decides nothing at all, which is a law with a test of its own.
- *Told and done.* Of what is still to be told, the last notice; of a request that was dealt with, nothing; of the
  number of attempts, whether there was one.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve, frozen

from canary_core import (
    ABTest,
    BlueGreen,
    Cookies,
    Hook,
    HookType,
    Outcome,
    Phase,
    Policy,
    Progressive,
    Rollout,
    Strategy,
    Traffic,
    Waiting,
)
from canary_sims.laws.truth import ANALYSIS, Facts, Pods

__all__ = ["INTERVAL_S", "Ages", "abstracted", "canonical", "spent"]

INTERVAL_S: Final = 1.0
"""The analysis interval of an abstracted policy."""

_SETTLED: Final = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED, Phase.TERMINATED})
_JUDGED: Final = ANALYSIS | {Phase.PROMOTING}

_ALIKE: Final = {
    Outcome.DEADLINE: Outcome.CHECKS,
    Outcome.HOOK: Outcome.CHECKS,
    Outcome.APPROVAL: Outcome.CHECKS,
    Outcome.ABORTED: Outcome.CHECKS,
    Outcome.SKIPPED: Outcome.COMPLETED,
}


def abstracted(policy: Policy) -> Policy:
    """A policy of the same shape, with the smallest numbers that still show what the machine does with them."""
    deadline_s = policy.approval_deadline_s
    return evolve(
        policy,
        strategy=_strategy(policy.strategy),
        interval_s=INTERVAL_S,
        threshold=min(2, policy.threshold),
        no_data_threshold=None if policy.no_data_threshold is None else 1,
        error_threshold=None if policy.error_threshold is None else 1,
        promotion_step=_promotion_step(policy),
        checks=policy.checks[:1],
        hooks=_one_of_each(policy.hooks),
        progress_deadline_s=2 * INTERVAL_S,
        approval_deadline_s=None if deadline_s is None else 2 * INTERVAL_S,
        drain_s=0.0 if policy.drain_s == 0 else INTERVAL_S if policy.drain_s <= policy.interval_s else 2 * INTERVAL_S,
    )


def _strategy(strategy: Strategy) -> Strategy:
    match strategy:
        case Progressive(weights=weights):
            return evolve(strategy, weights=tuple(dict.fromkeys((weights[0], weights[-1]))))
        case ABTest(iterations=iterations) | BlueGreen(iterations=iterations):
            return evolve(strategy, iterations=min(2, iterations))


def _promotion_step(policy: Policy) -> int | None:
    """Two steps back where there were several, one where there was one."""
    step, most = policy.promotion_step, max(1, policy.max_weight)
    return step if step is None or step >= most else math.ceil(most / 2)


def _one_of_each(hooks: Iterable[Hook]) -> tuple[Hook, ...]:
    first: dict[HookType, Hook] = {}
    for hook in hooks:
        if hook.type is not HookType.EVENT:
            first.setdefault(hook.type, hook)
    return tuple(first.values())


@frozen
class Ages:
    """The longest durations that the times of a rollout can be compared with, in seconds."""

    since_s: float
    approval_s: float
    waiting_s: float
    deadline_s: float
    drains: bool
    """Whether it matters outside the analysis for how long the routes have been in force."""

    @classmethod
    def of(cls, policy: Policy) -> "Ages":
        """Those of a policy."""
        approval_s = policy.approval_deadline_s or 0.0
        return cls(
            since_s=max(policy.interval_s, policy.drain_s),
            approval_s=approval_s,
            waiting_s=max(policy.progress_deadline_s, approval_s),
            deadline_s=policy.progress_deadline_s,
            drains=policy.drain_s > 0,
        )

    def of_phase(self, rollout: Rollout) -> float:
        """What the time since the phase began can be compared with, in this phase."""
        if rollout.phase is Phase.PROMOTING or (rollout.phase is Phase.PROGRESSING and not rollout.started):
            return self.deadline_s
        return self.approval_s if rollout.phase in {Phase.WAITING, Phase.WAITING_PROMOTION} else 0.0


def _age(now_s: float, then_s: float, most_s: float) -> float:
    return max(0.0, min(most_s, math.floor((now_s - then_s) / INTERVAL_S) * INTERVAL_S))


def spent(facts: Facts, seconds: float) -> Facts:
    """The facts after some time in which nothing changed."""
    return evolve(facts, in_force_s=facts.in_force_s + seconds) if seconds else facts


def canonical(ages: Ages, rollout: Rollout, facts: Facts, now_s: float) -> tuple[Rollout, Facts]:
    """The one representative of all states that the machine cannot tell apart, as of time 0."""
    if facts.gone:
        return Rollout(phase=Phase.TERMINATED), Facts(target=None, gone=True)
    names = _names(rollout, facts)
    traffic, routes = _cookies(rollout.traffic, facts.routes)
    waiting = rollout.waiting
    if waiting is not None:
        most_s = 0.0 if rollout.phase in _SETTLED else ages.waiting_s
        waiting = Waiting(on=waiting.on, since_s=-_age(now_s, waiting.since_s, most_s))
    measured = ages.drains or rollout.phase in ANALYSIS
    stored = evolve(
        rollout,
        traffic=traffic,
        attempt=min(1, rollout.attempt),
        applied=names.get(rollout.applied) if rollout.applied else None,
        promoted=names.get(rollout.promoted) if rollout.promoted else None,
        waiting=waiting,
        since_s=-_age(now_s, rollout.since_s, ages.since_s),
        changed_s=-_age(now_s, rollout.changed_s, ages.of_phase(rollout)),
        kept_s=-_age(now_s, rollout.kept_s, INTERVAL_S) if rollout.phase in _SETTLED else -INTERVAL_S,
        replicas=min(1, rollout.replicas),
        away_s=_age(rollout.away_s, 0.0, ages.deadline_s) if rollout.phase in _JUDGED else 0.0,
        request=None,
        reply=None,
        outcome=_ALIKE.get(rollout.outcome, rollout.outcome) if rollout.outcome else None,
        pending=rollout.pending[-1:],
    )
    world = Facts(
        target=_renamed(facts.target, names),
        primary=_renamed(facts.primary, names),
        routes=routes,
        in_force_s=_age(facts.in_force_s, 0.0, ages.since_s) if measured else ages.since_s,
        good=frozenset(names[revision] for revision in facts.good if revision in names),
        failures=facts.failures,
        kept=facts.kept or facts.primary is not None,
        obstructed=facts.obstructed,
        deleting=facts.deleting,
        gone=facts.gone,
    )
    return stored, world


def _names(rollout: Rollout, facts: Facts) -> Mapping[str, str]:
    found: list[str | None] = [rollout.promoted, rollout.applied]
    for pods in (facts.target, facts.primary):
        if pods is not None:
            found += [pods.declared, pods.serving]
    mentioned = dict.fromkeys(name for name in found if name is not None)
    return {name: f"v1:{letter}" for name, letter in zip(mentioned, "abcdef", strict=False)}


def _renamed(pods: Pods | None, names: Mapping[str, str]) -> Pods | None:
    if pods is None:
        return None
    return Pods(
        declared=names[pods.declared],
        asked=pods.asked,
        serving=names[pods.serving] if pods.serving is not None else None,
        whole=pods.whole,
        stalled=pods.stalled,
        reachable=pods.reachable,
        edited=pods.edited,
    )


def _cookies(wanted: Traffic, found: Traffic | None) -> tuple[Traffic, Traffic | None]:
    """Cookies renamed. Most splits have none."""
    none = Cookies()
    if wanted.cookies == none and (found is None or found.cookies == none):
        return wanted, found
    names: dict[str, str] = {}

    def renamed(traffic: Traffic) -> Traffic:
        old = traffic.cookies
        new = [value and names.setdefault(value, f"c{len(names)}") for value in (old.canary, old.primary, old.expired)]
        return evolve(traffic, cookies=Cookies(canary=new[0], primary=new[1], expired=new[2]))

    return renamed(wanted), None if found is None else renamed(found)
