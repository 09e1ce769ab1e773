"""Splits of traffic as a policy wants them: audience and cookies included."""

from typing import assert_never

from attrs import evolve

from canary_core.phases import Phase
from canary_core.policy import ABTest, BlueGreen, Policy, Progressive
from canary_core.rollout import Rollout
from canary_core.traffic import Audience, Cookies, Traffic

__all__ = ["everything_to_canary", "everything_to_primary", "is_matched", "shown_weight", "split_for"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def split_for(policy: Policy, rollout: Rollout, weight: int, now_s: float, *, mirrored: bool = False) -> Traffic:
    """The split that gives the canary this weight, in the way of the policy's strategy.

    Args:
        policy: What was declared.
        rollout: Where the rollout stands: cookies in use are kept.
        weight: Percent, 0-100.
        now_s: The present time; a new cookie differs from that of the rollout before by it.
        mirrored: Whether requests are copied to the canary.
    """
    audience = Audience.MATCHED if is_matched(policy) else Audience.EVERYONE
    cookies = _cookies(policy, rollout, weight, now_s)
    return Traffic(canary_weight=weight, mirrored=mirrored, audience=audience, cookies=cookies)


def everything_to_primary(policy: Policy, rollout: Rollout) -> Traffic:
    """The split that leaves the canary nothing. No cookie is made for it, so the time does not matter."""
    return split_for(policy, rollout, 0, 0.0)


def everything_to_canary(rollout: Rollout) -> Traffic:
    """The split that leaves the primary nothing, whatever the conditions of the policy: the primary cannot serve."""
    return evolve(rollout.traffic, canary_weight=100, mirrored=False, audience=Audience.EVERYONE)


def is_matched(policy: Policy) -> bool:
    """Whether a policy is for requests that match its conditions; all others stay on the primary."""
    match policy.strategy:
        case Progressive() as progressive:
            return progressive.matched
        case ABTest():
            return True
        case BlueGreen():
            return False
        case _:
            assert_never(policy.strategy)


def _cookies(policy: Policy, rollout: Rollout, weight: int, now_s: float) -> Cookies:
    old = rollout.traffic.cookies
    affinity = policy.session_affinity
    if affinity is None or isinstance(policy.strategy, ABTest):
        return old
    if weight == 0:
        return Cookies(primary=old.primary, expired=old.canary or old.expired)
    primary = old.primary or _cookie(rollout, now_s, "primary") if affinity.primary_cookie_name else None
    return Cookies(canary=old.canary or _cookie(rollout, now_s, "canary"), primary=primary)


def _cookie(rollout: Rollout, now_s: float, side: str) -> str:
    """Ten letters that depend on the revision and the moment: no secret, only different from time to time."""
    import hashlib  # brings a library of its own, which most rollouts never need

    seed = f"{side}|{rollout.applied}|{now_s!r}".encode()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in hashlib.blake2s(seed, digest_size=10).digest())


def shown_weight(policy: Policy, rollout: Rollout) -> int:
    """The weight that Flagger's status field ``canaryWeight`` shows, percent.

    A/B tests and blue/green rollouts show none while they go on, although the canary may have all the traffic; after
    a failed promotion the canary's share is shown for every strategy.
    """
    if isinstance(policy.strategy, Progressive) or rollout.phase is Phase.FAILED:
        return rollout.traffic.canary_weight
    return 0
