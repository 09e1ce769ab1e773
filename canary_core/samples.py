"""What a metric source can answer: a value, that it has none, or that it could not be asked. Three different things."""

from typing import TypeAlias

from attrs import frozen

from canary_core.values import Bare, Value

__all__ = ["Measurement", "NoData", "Sample", "SourceError"]


@frozen(kw_only=True, repr=False)
class Sample(Value):
    """A value. NaN is no value: it is judged as `NoData`."""

    value: float
    count: int | None = None
    """How many single measurements it rests on. None: not known."""


class NoData(Bare):
    """The source answered that it has no value."""


@frozen(kw_only=True, repr=False)
class SourceError(Value):
    """The source did not answer, or not in a way that can be understood."""

    message: str


Measurement: TypeAlias = Sample | NoData | SourceError
