"""Rounds of rollouts, from the status of a Canary or from the log of a controller, decided once more."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from attrs import frozen

from canary_adapters.kubernetes.store.record import CHECKED, read_round
from canary_adapters.kubernetes.store.status import rfc3339
from canary_adapters.steering.history import place_of
from canary_core import Policy, replay
from canary_core.record import Point, Round

__all__ = ["Replay", "replayed", "rounds_logged"]

LONGEST_LINE: Final = 1_000_000


@frozen(kw_only=True)
class Replay:
    """What came of it."""

    rounds: int
    """That were decided once more."""
    passed_over: int
    """That are not whole."""
    difference: str = ""
    """The first one, in words. Empty: there is none."""


def replayed(policy: Policy, rounds: tuple[Round, ...]) -> Replay:
    """Decide rounds once more, until one comes out otherwise."""
    count = 0
    for each in replay(policy, rounds):
        if not each.same:
            return Replay(rounds=count, passed_over=0, difference=_told(each.round, each.found, each.missing))
        count += 1
    return Replay(rounds=count, passed_over=len(rounds) - count)


def _told(recorded: Round, found: Point | None, missing: str) -> str:
    at = f"{rfc3339(recorded.at_s)}, {recorded.before.phase.value} at {place_of(recorded.before)}"
    if found is None:
        return f"{at}: the machine asks {missing}, which was not asked"
    return f"{at}: the rollout went to {_point(recorded.then)}; the machine goes to {_point(found)}"


def _point(point: Point) -> str:
    counts = point.counts
    return f"{point.phase.value} at {place_of(point)} with {counts.failed + counts.no_data + counts.errors} not passed"


def rounds_logged(lines: Iterable[str], namespace: str, name: str) -> Iterator[Round]:
    """The rounds of a Canary that a controller has logged; all other lines are passed over."""
    wanted = f"{name}.{namespace}"
    for line in lines:
        found = _read(line)
        if found.get("msg") == CHECKED and found.get("canary") == wanted:
            try:
                yield read_round(found["round"])
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
                continue


def _read(line: str) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        return {}
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
