"""The phases of a rollout and the edges between them: the whole table, in one place.

The diagram in the documentation is generated from `EDGES`, the machine takes no edge that is not here, and the
exhaustive exploration shows that each of them is taken.

A phase is left only when what it was to bring about has been observed, not when a call returned:

=================== ==================================================================================
Phase               It ends when
=================== ==================================================================================
Initializing        the primary is seen ready, traffic is seen on it, the target is seen at 0 replicas
Initialized         a new revision is declared
Waiting             the confirm-rollout gates are open
Progressing         every step has been judged and passed
WaitingPromotion    the confirm-promotion gates are open
Promoting           the primary is seen ready on the new revision
Finalising          the canary is seen without traffic, then at 0 replicas
Succeeded, Failed   a new revision is declared
Terminating         the target is seen ready and the routes are seen given back
Terminated          never
=================== ==================================================================================
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from canary_core.errors import IllegalTransitionError

__all__ = ["EDGES", "Phase", "check_edge"]


class Phase(enum.Enum):
    """Where a rollout stands. The values are those of Flagger's ``.status.phase``."""

    INITIALIZING = "Initializing"
    INITIALIZED = "Initialized"
    WAITING = "Waiting"
    PROGRESSING = "Progressing"
    WAITING_PROMOTION = "WaitingPromotion"
    PROMOTING = "Promoting"
    FINALISING = "Finalising"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"

    __hash__ = object.__hash__  # members are single objects; hashing their names would cost more than a rule of ours

    @staticmethod
    def settled() -> "frozenset[Phase]":
        """Phases that last until something changes outside."""
        return _SETTLED


_SETTLED: Final = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED, Phase.TERMINATED})

_RESTORE: Final = {Phase.TERMINATING: "the object is being deleted"}

EDGES: Final[Mapping[Phase, Mapping[Phase, str]]] = MappingProxyType(
    {
        Phase.INITIALIZING: {
            Phase.INITIALIZED: "primary ready, traffic on it, target at 0",
            Phase.FAILED: "primary not ready in time",
            **_RESTORE,
        },
        Phase.INITIALIZED: {
            Phase.PROGRESSING: "new revision",
            Phase.WAITING: "new revision, gate closed",
            **_RESTORE,
        },
        Phase.WAITING: {
            Phase.PROGRESSING: "gate open",
            Phase.FINALISING: "promoted revision declared again",
            Phase.FAILED: "aborted, or gate closed for too long",
            **_RESTORE,
        },
        Phase.PROGRESSING: {
            Phase.PROGRESSING: "newer revision, analysis restarted",
            Phase.WAITING_PROMOTION: "all steps passed, gate closed",
            Phase.PROMOTING: "all steps passed, or analysis skipped",
            Phase.FINALISING: "promoted revision declared again",
            Phase.FAILED: "rolled back",
            **_RESTORE,
        },
        Phase.WAITING_PROMOTION: {
            Phase.PROGRESSING: "newer revision, analysis restarted",
            Phase.PROMOTING: "gate open, or analysis skipped",
            Phase.FINALISING: "promoted revision declared again",
            Phase.FAILED: "rolled back",
            **_RESTORE,
        },
        Phase.PROMOTING: {
            Phase.PROGRESSING: "newer revision before the primary was touched",
            Phase.FINALISING: "primary ready on the new revision",
            Phase.FAILED: "primary not ready in time, the canary keeps the traffic",
            **_RESTORE,
        },
        Phase.FINALISING: {
            Phase.SUCCEEDED: "canary at 0",
            Phase.FAILED: "primary lost, the canary takes the traffic",
            **_RESTORE,
        },
        Phase.SUCCEEDED: {
            Phase.PROGRESSING: "new revision",
            Phase.WAITING: "new revision, gate closed",
            **_RESTORE,
        },
        Phase.FAILED: {
            Phase.INITIALIZING: "first primary ready after all, other revision, or retried",
            Phase.PROGRESSING: "new revision, or retried",
            Phase.WAITING: "new revision or retried, gate closed",
            Phase.PROMOTING: "primary ready after all, or retried",
            **_RESTORE,
        },
        Phase.TERMINATING: {Phase.TERMINATED: "target ready, routes given back"},
        Phase.TERMINATED: {},
    }
)
"""From, to, and what makes it so. What is not here cannot happen."""


def check_edge(source: Phase, target: Phase) -> None:
    """Refuse an edge that the table does not have.

    Raises:
        IllegalTransitionError: There is no such edge: a bug of the machine.
    """
    if target not in EDGES[source]:
        raise IllegalTransitionError(source.value, target.value)
