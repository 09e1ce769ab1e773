"""Every kind of split that rollouts of a policy can call for, so that each can be tried before it is needed."""

from collections.abc import Iterator
from typing import Final, assert_never

from attrs import evolve

from canary_core.policy import ABTest, BlueGreen, Policy, Progressive
from canary_core.split import is_matched
from canary_core.traffic import Audience, Cookies, Traffic

__all__ = ["foreseen_splits", "kind_of_split"]

_SOME: Final = 50
"""In the place of any weight that leaves both sides something."""
_VALUE: Final = "AbCdEfGhIj"
"""In the place of any value of a cookie, and as long as one."""


def kind_of_split(traffic: Traffic) -> Traffic:
    """A split with all numbers and values left out of which it is no matter whether routes can be stored.

    Those of one kind differ only in a weight between 0 and 100, or in the value of a cookie.
    """
    weight, had = traffic.canary_weight, traffic.cookies
    values = (had.canary, had.primary, had.expired)
    canary, primary, expired = (None if value is None else _VALUE for value in values)
    cookies = Cookies(canary=canary, primary=primary, expired=expired)
    return evolve(traffic, canary_weight=weight if weight in {0, 100} else _SOME, cookies=cookies)


def foreseen_splits(policy: Policy) -> tuple[Traffic, ...]:
    """A split of each kind that a rollout of this policy can call for, in the order of a rollout; few.

    All to the primary, at first without the conditions of an audience; copies; the first weight; all to the canary, of
    the audience and, when a primary is lost or made anew, of everybody; and back, with what is left of cookies. What
    somebody edits by hand aside, there are no others.
    """
    return tuple(dict.fromkeys(_splits(policy)))


def _splits(policy: Policy) -> Iterator[Traffic]:
    audience = Audience.MATCHED if is_matched(policy) else Audience.EVERYONE
    before, during, after = Cookies(), *_cookies(policy)
    yield Traffic()
    yield Traffic(audience=audience)
    mirrors = not isinstance(policy.strategy, ABTest) and policy.strategy.mirror is not None
    if mirrors:
        yield Traffic(audience=audience, mirrored=True)
    for weight in _weights(policy):
        yield Traffic(canary_weight=weight, audience=audience, cookies=during)
    for cookies in (before, during, after):
        yield Traffic(canary_weight=100, cookies=cookies)
    yield Traffic(audience=audience, cookies=after)
    if mirrors:
        yield Traffic(audience=audience, mirrored=True, cookies=after)


def _weights(policy: Policy) -> Iterator[int]:
    """One between 0 and 100, if there is any, and 100, if the canary gets that."""
    strategy, back = policy.strategy, policy.promotion_step
    given_back = 100 - back if back is not None and back < 100 else None
    match strategy:
        case Progressive(weights=weights):
            some = weights[0] if weights[0] < 100 else given_back
            most = weights[-1]
        case ABTest():
            some, most = given_back, 100
        case BlueGreen(shift=shift):
            some, most = given_back, 100 if shift else 0
        case _:
            assert_never(strategy)
    if some is not None:
        yield some
    if most == 100:
        yield most


def _cookies(policy: Policy) -> tuple[Cookies, Cookies]:
    """While the canary has traffic, and afterwards."""
    affinity = policy.session_affinity
    if affinity is None or isinstance(policy.strategy, ABTest):
        return Cookies(), Cookies()
    primary = _VALUE if affinity.primary_cookie_name else None
    return Cookies(canary=_VALUE, primary=primary), Cookies(primary=primary, expired=_VALUE)
