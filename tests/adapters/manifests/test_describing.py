"""A policy in one sentence."""

from typing import Any

import pytest

from canary_adapters.manifests import describe_policy, shortest_s
from canary_core import (
    ABTest,
    BlueGreen,
    Check,
    Hook,
    HookType,
    Mirror,
    Policy,
    Progressive,
    SessionAffinity,
    Strategy,
    weights_by_step,
)

TENS = Progressive(weights=weights_by_step(10, 50))
END = "rolled back at the 10th failed check"
CHECKS = (Check(id="rate"),)


def described(strategy: Strategy, **parts: Any) -> str:
    return describe_policy(Policy(**{"strategy": strategy, "threshold": 10, "checks": CHECKS, **parts}))


@pytest.mark.parametrize(
    ("strategy", "sentence"),
    [
        (TENS, f"10 % every minute up to 50 %, 6 minutes at best, {END}"),
        (Progressive(weights=(30, 60, 90, 100)), f"30 % every minute up to 100 %, 5 minutes at best, {END}"),
        (Progressive(weights=(50,)), f"50 % for 1 minute, 2 minutes at best, {END}"),
        (Progressive(weights=(1, 5, 50)), f"1 %, 5 % and 50 %, 1 minute each, 4 minutes at best, {END}"),
        (Progressive(weights=(10, 20), matched=True),
         f"10 % of the matching requests every minute up to 20 %, 3 minutes at best, {END}"),
        (Progressive(weights=(10, 20), mirror=Mirror()),
         f"a copy of all requests for 1 minute, then 10 % every minute up to 20 %, 4 minutes at best, {END}"),
        (ABTest(iterations=3),
         f"matching requests go to the canary for 3 iterations, 1 minute each, 4 minutes at best, {END}"),
        (BlueGreen(iterations=3),
         ("3 iterations beside the primary without traffic, 1 minute each, then all traffic at once, "
         f"5 minutes at best, {END}")),
        (BlueGreen(iterations=1, mirror=Mirror(percent=20)),
         ("one iteration beside the primary on a copy of 20 % of the requests, 1 minute each, "
         f"then all traffic at once, 3 minutes at best, {END}")),
        (BlueGreen(iterations=3, shift=False),
         f"3 iterations beside the primary without traffic, 1 minute each, 5 minutes at best, {END}"),
    ],
    ids=str,
)  # fmt: skip
def test_each_strategy_has_its_sentence(strategy: Strategy, sentence: str) -> None:
    assert described(strategy) == sentence


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"interval_s": 90.0},
         f"10 % every 1 minute 30 seconds up to 50 %, 9 minutes at best, {END}"),
        ({"interval_s": 0.5}, f"10 % every 0.5 seconds up to 50 %, 3 seconds at best, {END}"),
        ({"threshold": 1}, "10 % every minute up to 50 %, 6 minutes at best, rolled back at the first failed check"),
        ({"threshold": 22}, "10 % every minute up to 50 %, 6 minutes at best, rolled back at the 22nd failed check"),
        ({"threshold": 11}, "10 % every minute up to 50 %, 6 minutes at best, rolled back at the 11th failed check"),
        ({"no_data_threshold": 2, "error_threshold": 3},
         (f"10 % every minute up to 50 %, 6 minutes at best, {END}, the 2nd check without data or the 3rd check "
         "whose source does not answer")),
        ({"checks": ()}, f"10 % every minute up to 50 %, 6 minutes at best, nothing is measured, {END}"),
        ({"checks": (), "hooks": (Hook(id="t", type=HookType.ROLLOUT),)},
         f"10 % every minute up to 50 %, 6 minutes at best, {END}"),
        ({"promotion_step": 20},
         (f"10 % every minute up to 50 %, 8 minutes at best, {END}, after the promotion 20 % go back to the primary "
         "every minute")),
        ({"hooks": (Hook(id="a", type=HookType.CONFIRM_PROMOTION), Hook(id="b", type=HookType.CONFIRM_ROLLOUT)),
          "approval_deadline_s": 3600.0},
         (f"10 % every minute up to 50 %, 6 minutes at best, {END}, approval is needed for the start and the promotion "
         "within 1 hour")),
        ({"session_affinity": SessionAffinity(cookie_name="c")},
         f"10 % every minute up to 50 %, 6 minutes at best, {END}, users of the canary stay with it"),
        ({"session_affinity": SessionAffinity(cookie_name="c", primary_cookie_name="p"), "drain_s": 30.0},
         (f"10 % every minute up to 50 %, 6 minutes at best, {END}, users stay with the version that they reached, "
         "scaled down after 30 seconds without traffic")),
        ({"skip_analysis": True, "hooks": (Hook(id="a", type=HookType.CONFIRM_PROMOTION),)},
         "promoted without analysis as soon as the canary is ready"),
        ({"skip_analysis": True, "suspend": True, "hooks": (Hook(id="a", type=HookType.CONFIRM_ROLLOUT),)},
         ("suspended; otherwise promoted without analysis as soon as the canary is ready, approval is needed for "
         "the start")),
    ],
    ids=str,
)  # fmt: skip
def test_each_part_of_a_policy_is_told(parts: dict[str, Any], sentence: str) -> None:
    assert described(TENS, **parts) == sentence


def test_giving_back_in_steps_takes_longer_than_at_once() -> None:
    at_once, in_steps = (Policy(strategy=TENS, promotion_step=step) for step in (100, 20))
    assert (shortest_s(at_once), shortest_s(in_steps)) == (360.0, 480.0)
