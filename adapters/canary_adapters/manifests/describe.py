"""A policy in one sentence, for people who want to know what it means before they rely on it."""

from typing import assert_never

from canary_adapters.manifests.durations import spoken
from canary_core.policy import ABTest, BlueGreen, HookType, Policy, Progressive, Strategy

__all__ = ["describe_policy", "shortest_s"]

_GATES = (
    (HookType.CONFIRM_ROLLOUT, "the start"),
    (HookType.CONFIRM_TRAFFIC_INCREASE, "each rise of the weight"),
    (HookType.CONFIRM_PROMOTION, "the promotion"),
)


def describe_policy(policy: Policy) -> str:
    """What the policy means.

    For example ``10 % every minute up to 50 %, 6 minutes at best, rolled back at the 10th failed check``.
    """
    if policy.skip_analysis:
        clauses = ["promoted without analysis as soon as the canary is ready"]
    else:
        clauses = [_course(policy), f"{spoken(shortest_s(policy))} at best", *_judging(policy)]
    clauses += [*_approval(policy), *_rest(policy)]
    return ("suspended; otherwise " if policy.suspend else "") + ", ".join(clauses)


def shortest_s(policy: Policy) -> float:
    """Seconds from the canary's first traffic to the end of a promotion in which nothing fails and nobody waits.

    Each weight or iteration takes one interval (its check comes at the end of it), and one more is for finalising.
    Mirroring before the first weight, all traffic on the canary before a blue/green promotion, and each further
    step of giving traffic back take an interval each.
    """
    count = _intervals(policy.strategy)
    back = 1 if policy.promotion_step is None else max(1, -(-policy.max_weight // policy.promotion_step))
    return policy.interval_s * (count + back)


def _intervals(strategy: Strategy) -> int:
    match strategy:
        case Progressive(weights=weights, mirror=mirror):
            return len(weights) + (mirror is not None)
        case ABTest(iterations=iterations):
            return iterations
        case BlueGreen(iterations=iterations):
            return iterations + 1
        case _ as never:
            assert_never(never)


def _course(policy: Policy) -> str:
    match policy.strategy:
        case Progressive():
            return _ladder(policy.strategy, policy.interval_s)
        case ABTest(iterations=iterations):
            return f"matching requests go to the canary for {_checks(iterations)}, {_each(policy.interval_s)}"
        case BlueGreen(iterations=iterations, mirror=mirror, shift=shift):
            beside = "without traffic" if mirror is None else f"on a copy of {_share(mirror.percent)}"
            end = ", then all traffic at once" if shift else ""
            return f"{_checks(iterations)} beside the primary {beside}, {_each(policy.interval_s)}{end}"
        case _ as never:
            assert_never(never)


def _ladder(strategy: Progressive, interval_s: float) -> str:
    weights, of = strategy.weights, " of the matching requests" if strategy.matched else ""
    evenly = all(weight == min(100, weights[0] * n) for n, weight in enumerate(weights, start=1))
    if len(weights) == 1:
        said = f"{weights[0]} %{of} for {spoken(interval_s)}"
    elif evenly:
        said = f"{weights[0]} %{of} {_every(interval_s)} up to {weights[-1]} %"
    else:
        said = f"{', '.join(f'{w} %' for w in weights[:-1])} and {weights[-1]} %{of}, {_each(interval_s)}"
    if strategy.mirror is None:
        return said
    return f"a copy of {_share(strategy.mirror.percent)} for {spoken(interval_s)}, then {said}"


def _judging(policy: Policy) -> list[str]:
    clauses = []
    if not policy.checks and not policy.hooks_of(HookType.ROLLOUT):
        clauses.append("nothing is measured")
    back = [f"the {_ordinal(policy.threshold)} failed check"]
    if policy.no_data_threshold is not None:
        back.append(f"the {_ordinal(policy.no_data_threshold)} check without data")
    if policy.error_threshold is not None:
        back.append(f"the {_ordinal(policy.error_threshold)} check whose source does not answer")
    clauses.append(f"rolled back at {_listed(back, 'or')}")
    return clauses


def _approval(policy: Policy) -> list[str]:
    gates = [place for kind, place in _GATES if policy.hooks_of(kind)]
    if policy.skip_analysis:
        gates = [place for place in gates if place == "the start"]
    if not gates:
        return []
    waits = f"approval is needed for {_listed(gates)}"
    if policy.approval_deadline_s is not None:
        waits += f" within {spoken(policy.approval_deadline_s)}"
    return [waits]


def _rest(policy: Policy) -> list[str]:
    clauses = []
    if policy.session_affinity is not None and not policy.skip_analysis:
        both = policy.session_affinity.primary_cookie_name is not None
        clauses.append("users stay with the version that they reached" if both else "users of the canary stay with it")
    if policy.promotion_step is not None and not policy.skip_analysis:
        clauses.append(
            f"after the promotion {policy.promotion_step} % go back to the primary {_every(policy.interval_s)}"
        )
    if policy.drain_s:
        clauses.append(f"scaled down after {spoken(policy.drain_s)} without traffic")
    return clauses


def _checks(iterations: int) -> str:
    return "one iteration" if iterations == 1 else f"{iterations} iterations"


def _every(seconds: float) -> str:
    words = spoken(seconds)
    return f"every {words.removeprefix('1 ') if words.count(' ') == 1 else words}"


def _each(seconds: float) -> str:
    return f"{spoken(seconds)} each"


def _share(percent: int) -> str:
    return "all requests" if percent == 100 else f"{percent} % of the requests"


def _listed(parts: list[str], word: str = "and") -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _ordinal(number: int) -> str:
    if number == 1:
        return "first"
    ending = "th" if 10 < number % 100 < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
