"""What the machine may need to know before it can decide, and the answers.

Each kind of question has its own answers. "No data" and "the source is down" are answers like any other, and never
the same as a bad value.
"""

from typing import TypeAlias

from attrs import field, frozen

from canary_core.notices import Notice
from canary_core.phases import Phase
from canary_core.samples import Measurement
from canary_core.values import Bare, Value

__all__ = [
    "Answer",
    "Answered",
    "Approved",
    "Ask",
    "HookQuestion",
    "MetricQuestion",
    "Question",
    "Refused",
    "SourcesOnline",
    "SourcesQuestion",
    "Tell",
    "Told",
    "Unreachable",
]


class SourcesQuestion(Bare):
    """Are all metric sources of the policy reachable? Answer: `SourcesOnline` or `SourceError`."""


@frozen(kw_only=True, repr=False)
class MetricQuestion(Value):
    """What is the value of this check for the canary? Answer: `Sample`, `NoData` or `SourceError`."""

    check: str
    """`Check.id`."""


@frozen(kw_only=True, repr=False)
class HookQuestion(Value):
    """What does this hook say? Answer: `Approved`, `Refused` or `Unreachable`.

    The fields together are the identity of the call. A driver asks each identity at most once, unless it died before
    the answer was stored; then the receiver can tell the repetition by it.
    """

    hook: str
    """`Hook.id`."""
    phase: Phase
    """What the receiver is told that the rollout is in."""
    revision: str
    step: str
    """The weight or iteration that the canary has."""
    attempt: int
    """How often this step has been analysed before."""


@frozen(kw_only=True, eq=False, repr=False)
class Tell(Value):
    """Let people know of these notices, which are stored already. Answer: `Told`, also if nobody could be reached."""

    notices: tuple[Notice, ...]


class SourcesOnline(Bare):
    """Every metric source answered."""


class Approved(Bare):
    """The hook said yes."""


@frozen(kw_only=True, eq=False, repr=False)
class _Declined(Value):
    message: str = ""


class Refused(_Declined):
    """The hook said no."""


class Unreachable(_Declined):
    """The hook did not answer."""


class Told(Bare):
    """The notices were handed over."""


Question: TypeAlias = SourcesQuestion | MetricQuestion | HookQuestion | Tell
Answer: TypeAlias = Measurement | SourcesOnline | Approved | Refused | Unreachable | Told


@frozen(kw_only=True, eq=False, repr=False)
class Answered(Value):
    """A question with its answer."""

    question: Question
    answer: Answer


@frozen(kw_only=True, eq=False, repr=False)
class Ask(Value):
    """The machine cannot decide without these answers. They may be sought at the same time, in any order."""

    questions: tuple[Question, ...] = field()
