"""Taking over a rollout that somebody else began: Flagger, or a release of ours with another way of fingerprinting.

The fingerprints that they stored say nothing to us. So the present revision is taken for the one that they meant, and
nothing is rolled out only because a controller was exchanged.
"""

from typing import Any, assert_never

from canary_core.decisions import Step
from canary_core.notices import Adopted
from canary_core.phases import Phase
from canary_core.policy import ABTest, BlueGreen, Policy, Progressive
from canary_core.rollout import KnownGood, Outcome, Rollout
from canary_core.situation import Situation
from canary_core.split import everything_to_canary, everything_to_primary
from canary_core.traffic import Traffic

__all__ = ["adopt", "is_foreign"]


def is_foreign(stored: str, current: str) -> bool:
    """Whether a stored fingerprint was made in another way than a current one, and so cannot be compared with it.

    Fingerprints begin with the name of the scheme that made them and a colon (``v1:...``).
    """
    return _scheme(stored) != _scheme(current)


def _scheme(fingerprint: str) -> str:
    head, colon, _ = fingerprint.partition(":")
    return head if colon else ""


def adopt(at: Situation) -> Step | None:
    """Put a foreign state into our terms, once."""
    stored, current = at.rollout.applied, at.revision
    if stored is None or current is None or stored == current or not is_foreign(stored, current):
        return None
    phase = at.rollout.phase
    reason = Adopted(phase=phase)
    known = at.seen.primary.revision if at.seen.primary is not None else None
    held = known if known is not None and not is_foreign(known, current) else current
    after = at.changed(waiting=None, since_s=at.seen.now_s, attempt=0, **_in_our_terms(at, held, current))
    return at.go(after, reason, reason)


def _in_our_terms(at: Situation, held: str, current: str) -> dict[str, Any]:
    phase = at.rollout.phase
    match phase:
        case Phase.INITIALIZING:
            return {"applied": None, "traffic": everything_to_primary(at.policy, at.rollout)}
        case Phase.TERMINATING | Phase.TERMINATED:
            return {"applied": None}
        case Phase.INITIALIZED | Phase.SUCCEEDED:
            return {"applied": held, "promoted": held, "known_good": KnownGood.PRIMARY}
        case Phase.WAITING:
            return {"applied": None, "known_good": KnownGood.PRIMARY}
        case Phase.FAILED:
            return _failed(at.rollout, current)
        case Phase.FINALISING:
            traffic = everything_to_primary(at.policy, at.rollout)
            return {"applied": current, "promoted": current, "traffic": traffic, "known_good": KnownGood.PRIMARY}
        case Phase.PROGRESSING | Phase.WAITING_PROMOTION | Phase.PROMOTING:
            return _under_way(at, current)
        case _:
            assert_never(phase)


def _failed(rollout: Rollout, current: str) -> dict[str, Any]:
    """Flagger leaves weight 100 behind after a failed promotion, and only then."""
    if rollout.traffic.canary_weight == 0:
        return {"applied": current, "known_good": KnownGood.PRIMARY, "outcome": Outcome.CHECKS}
    return {
        "applied": current,
        "promoted": current,
        "traffic": everything_to_canary(rollout),
        "known_good": KnownGood.CANARY,
        "outcome": Outcome.PROMOTION,
    }


def _under_way(at: Situation, current: str) -> dict[str, Any]:
    """For Flagger the routes are the weight of record; counters that it wound back are put right from them."""
    traffic = at.seen.routes if at.seen.routes is not None else at.rollout.traffic
    promoting = at.rollout.phase is Phase.PROMOTING
    waiting = at.rollout.phase is Phase.WAITING_PROMOTION
    iterations = _iterations(at.policy, at.rollout.iterations, traffic, waiting)
    return {
        "applied": current,
        "traffic": traffic,
        "iterations": iterations,
        "started": traffic.reaches_canary or iterations > 0,
        "known_good": KnownGood.CANARY if promoting else KnownGood.PRIMARY,
    }


def _iterations(policy: Policy, stored: int, traffic: Traffic, waiting: bool) -> int:
    strategy = policy.strategy
    match strategy:
        case Progressive():
            return 0
        case ABTest(iterations=wanted):
            return wanted if waiting else max(0, stored)
        case BlueGreen(iterations=wanted):
            if traffic.leaves_primary_nothing:
                return wanted + 1
            return wanted if waiting else max(0, min(stored, wanted))
        case _:
            assert_never(strategy)
