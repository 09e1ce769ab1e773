"""What every `canary_ports.MetricSource` keeps to."""

from typing import Protocol

from canary_core import MetricQuestion, NoData, Sample, SourceError, SourcesOnline
from canary_ports import MetricSource

__all__ = ["MetricBackDoor", "MetricSourceContract"]


class MetricBackDoor(Protocol):
    """A metric source with at least one check, and the truth behind it."""

    @property
    def metrics(self) -> MetricSource:
        """The port."""
        ...

    @property
    def check(self) -> str:
        """A check whose value is known."""
        ...

    def has(self, value: float) -> float:
        """From now on, the metric behind the check has about this value; returns what the port should tell."""
        ...

    def has_nothing(self) -> None:
        """The source answers, and has no value."""
        ...

    def is_down(self) -> None:
        """The source does not answer."""
        ...


class MetricSourceContract:
    """A value, no data, or an error: three different things."""

    def door(self) -> MetricBackDoor:
        """A fresh one, whose source is up."""
        raise NotImplementedError

    def test_a_value_is_a_sample(self) -> None:
        """The value that the source has, and no other."""
        door = self.door()
        expected = door.has(99.0)
        answer = door.metrics.measure(MetricQuestion(check=door.check))
        assert isinstance(answer, Sample)
        assert answer.value == expected

    def test_no_value_is_no_data(self) -> None:
        """Neither 0 nor an error."""
        door = self.door()
        door.has_nothing()
        assert door.metrics.measure(MetricQuestion(check=door.check)) == NoData()

    def test_a_source_that_is_down_is_an_error_and_raises_nothing(self) -> None:
        """The message says why."""
        door = self.door()
        door.is_down()
        answer = door.metrics.measure(MetricQuestion(check=door.check))
        assert isinstance(answer, SourceError)
        assert answer.message

    def test_online_tells_whether_it_answers(self) -> None:
        """Without raising, either way."""
        door = self.door()
        assert door.metrics.online() == SourcesOnline()
        door.is_down()
        assert isinstance(door.metrics.online(), SourceError)

    def test_it_comes_back(self) -> None:
        """An answer is of its moment: no failure is kept."""
        door = self.door()
        door.is_down()
        door.metrics.measure(MetricQuestion(check=door.check))
        door.has(99.0)
        assert isinstance(door.metrics.measure(MetricQuestion(check=door.check)), Sample)
