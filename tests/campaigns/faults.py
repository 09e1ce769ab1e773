"""What goes wrong with requests to the API server: as values, and all that may strike a request."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen


class Wrong(enum.Enum):
    """What may go wrong at a request."""

    REFUSED = "refused"
    """500, 503 or 429, in turns: it has no effect."""
    LOST = "lost"
    """It has its effect, but the answer is lost."""
    LATE = "late"
    """The caller gives up waiting, and the effect comes some requests later, if its version allows."""
    TWICE = "twice"
    """Something on the way sends it twice; the caller hears the second answer."""
    TOUCHED = "touched"
    """Somebody changes the object right before: an annotation, and, of a VirtualService, a route of his own."""
    STATUS = "status"
    """Kubernetes writes the status of the object right before."""
    CRASH = "crash"
    """The process dies right before, and another one begins."""
    CRASH_AFTER = "crash-after"
    """The process dies right after."""
    BLINK = "blink"
    """From right before on, no change reaches the caches for some seconds; then they list anew."""
    REDEFINED = "redefined"
    """Somebody replaces the definition of Canary right before, ours by Flagger's or Flagger's by ours."""
    BLIND = "blind"
    """The same for longer than an interval."""


LATE_BY: Final = (1, 4)
"""Requests that a late one may come after."""
BLIND_S: Final = {Wrong.BLINK: 7.0, Wrong.REDEFINED: 7.0, Wrong.BLIND: 95.0}
STATUSES: Final = (500, 503, 429)

_READ: Final = (Wrong.REFUSED, Wrong.CRASH, Wrong.BLIND)
_WRITE: Final = (
    Wrong.REFUSED,
    Wrong.LOST,
    Wrong.LATE,
    Wrong.TWICE,
    Wrong.CRASH,
    Wrong.CRASH_AFTER,
    Wrong.BLINK,
    Wrong.BLIND,
)
_CHANGE: Final = (*_WRITE, Wrong.TOUCHED)
_EVENT: Final = (Wrong.REFUSED, Wrong.LOST, Wrong.TWICE, Wrong.CRASH, Wrong.CRASH_AFTER)


@frozen(kw_only=True)
class Fault:
    """Something goes wrong with one request."""

    request: int
    """Which, counted from 1 over all processes of a run."""
    wrong: Wrong
    by: int = 1
    """Of a late one: so many requests later."""


@frozen(kw_only=True)
class Plan:
    """What goes wrong in a run."""

    faults: tuple[Fault, ...] = ()


def faults_of(requests: Sequence[str]) -> Iterator[Fault]:
    """Every fault that may strike one of these requests, each once.

    Args:
        requests: Method and plural (with the subresource) of each, as they were made in a run without faults.
    """
    for number, name in enumerate(requests, 1):
        for wrong in kinds_of(name):
            for by in LATE_BY if wrong is Wrong.LATE else (1,):
                yield Fault(request=number, wrong=wrong, by=by)


def kinds_of(request: str) -> tuple[Wrong, ...]:
    """What may go wrong with a request."""
    method, _, plural = request.partition(" ")
    if plural == "events":
        return _EVENT
    if method == "GET":
        return _READ
    if method == "POST":
        return _WRITE
    more = {"deployments": Wrong.STATUS, "canaries/status": Wrong.REDEFINED}.get(plural)
    return _CHANGE if more is None else (*_CHANGE, more)
