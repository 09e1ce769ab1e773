"""Planted bugs of the machine that break what cookies promise to users."""

from attrs import evolve

from canary_core import Ask, Observation, Policy, Rollout, SetTraffic, Step, Traffic, step
from planted_bugs.planting import machine


def _with_cookie(found: Ask | Step, value: str | None) -> Ask | Step:
    """The same with another cookie wherever the canary gets traffic."""
    if isinstance(found, Ask) or found.rollout.traffic.cookies.canary is None:
        return found

    def other(traffic: Traffic) -> Traffic:
        return evolve(traffic, cookies=evolve(traffic.cookies, canary=value))

    decisions = tuple(
        evolve(each, traffic=other(each.traffic))
        if isinstance(each, SetTraffic) and each.traffic.cookies.canary
        else each
        for each in found.decisions
    )
    return evolve(found, rollout=found.rollout.but(traffic=other(found.rollout.traffic)), decisions=decisions)


@machine()
def makes_a_cookie_for_each_step(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """With each weight all users are dealt out anew, so that nobody keeps a version for longer than a step."""
    found = step(policy, rollout, seen)
    if isinstance(found, Ask) or found.rollout.traffic == rollout.traffic:
        return found
    return _with_cookie(found, f"weight{found.rollout.traffic.canary_weight}")


@machine("fluxcd/flagger#1655")
def keeps_the_cookie_for_the_next_rollout(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """Whoever has been on a canary once goes to the next one at once: before long, that is everybody."""
    return _with_cookie(step(policy, rollout, seen), "always")


@machine()
def does_not_call_the_cookie_back(policy: Policy, rollout: Rollout, seen: Observation) -> Ask | Step:
    """Clients keep a cookie that leads nowhere, for as long as it lasts."""
    found = step(policy, rollout, seen)
    if isinstance(found, Ask):
        return found

    def silent(traffic: Traffic) -> Traffic:
        return evolve(traffic, cookies=evolve(traffic.cookies, expired=None))

    decisions = tuple(
        evolve(each, traffic=silent(each.traffic)) if isinstance(each, SetTraffic) else each for each in found.decisions
    )
    return evolve(found, rollout=found.rollout.but(traffic=silent(found.rollout.traffic)), decisions=decisions)
