"""The invariants about who answers: traffic goes to what can, and nothing in the way keeps a bad canary in it."""

from typing import Final

from canary_core import Outcome, Phase
from canary_sims.laws.truth import ANALYSIS, Event, Facts, Pods, Rested, used_up

__all__ = ["for_want_of_a_primary", "obstacles_keep_no_bad_canary", "traffic_goes_to_what_answers"]

_HANDED_BACK: Final = frozenset({Phase.TERMINATING, Phase.TERMINATED})


def _answers(pods: Pods | None) -> bool:
    return pods is not None and pods.serving is not None


def for_want_of_a_primary(facts: Facts) -> bool:
    """Whether the canary alone can answer: the one exception to all rules on what an unproven canary may have."""
    return _answers(facts.target) and not _answers(facts.primary)


def traffic_goes_to_what_answers(event: Event) -> str | None:
    """14. Each destination with a weight has a ready pod of the right workload behind its Service, if anybody has.

    Scope: the end of each tick that leaves routes of ours in force. While one of both workloads can answer, no share of
    the other's is left with it. A pod that is ready behind a Service that does not lead to it answers nobody.

    Exceptions: routes that are given back, or were never taken over; a suspended policy; copies.
    """
    if not isinstance(event, Rested) or event.policy.suspend or event.rollout.phase in _HANDED_BACK:
        return None
    facts, routes = event.facts, event.facts.routes
    if routes is None or event.rollout.outcome is Outcome.INITIALIZATION or facts.deleting:
        return None
    if routes.canary_weight and not _answers(facts.target) and _answers(facts.primary):
        return f"the canary, which cannot answer, keeps {routes.canary_weight} %"
    if not routes.leaves_primary_nothing and for_want_of_a_primary(facts):
        return f"the primary, which cannot answer, keeps {routes.primary_weight} %, though the canary can"
    return None


def obstacles_keep_no_bad_canary(event: Event) -> str | None:
    """15. An obstacle never keeps a bad canary in traffic.

    Scope: the end of each tick of an analysis whose budget of checks is used up, an interval after the last of them:
    whatever is in the way, the canary is to have no traffic, if the primary can answer.

    Exceptions: what is declared anew ends the analysis in its own way; a suspended policy.
    """
    if not isinstance(event, Rested) or event.policy.suspend or event.rollout.phase not in ANALYSIS:
        return None
    facts = event.facts
    target, primary = facts.target, facts.primary
    if target is None or target.declared != event.rollout.applied or primary is None or not primary.whole:
        return None
    due = event.now_s - event.rollout.since_s >= event.policy.interval_s
    if due and used_up(event.policy, facts.failures) and event.rollout.traffic.canary_weight:
        return f"{facts.failures} used up a budget, but the canary keeps {event.rollout.traffic.canary_weight} %"
    return None
