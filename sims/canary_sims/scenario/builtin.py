"""The scenario that is simulated when none is named."""

from typing import Final

from canary_sims.scenario.types import Declare, Event, Scenario

__all__ = ["HEALTHY"]

HEALTHY: Final = Scenario(
    description="A healthy new revision.",
    events=(Event(at_s=0.0, what=Declare(revision="v2")),),
)
"""What ``examples/scenarios/healthy.yaml`` says."""
