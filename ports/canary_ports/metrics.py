"""Where measurements come from."""

from typing import Protocol

from canary_core import Measurement, MetricQuestion, SourceError, SourcesOnline

__all__ = ["MetricSource"]


class MetricSource(Protocol):
    """Answer questions about the canary with a value, "no data", or an error.

    No method raises for anything that the outside does: a source that is down, slow or talks nonsense is an answer,
    `canary_core.SourceError`. A check that cannot be asked as it is declared is refused (`canary_ports.RefusedError`):
    a mistake in a manifest is no fault of the canary. Calls may come from several threads at once.
    """

    def measure(self, question: MetricQuestion) -> Measurement:
        """The present value of a check.

        Returns:
            `Sample` with a number; `NoData` if the source answered that it has none; `SourceError` if it did not
            answer in time, refused, or its answer makes no sense.
        """
        ...

    def online(self) -> SourcesOnline | SourceError:
        """Whether every source of the policy answers."""
        ...
