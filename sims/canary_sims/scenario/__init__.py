"""What happens to a simulated service, and when: scenarios as values, and the small files that they are read from."""

from canary_sims.scenario.builtin import HEALTHY
from canary_sims.scenario.errors import ScenarioError
from canary_sims.scenario.reader import parse_scenario, read_scenario
from canary_sims.scenario.types import (
    Answer,
    AnswerHook,
    Behaviour,
    ChangeCanary,
    ChangePrimary,
    CreepLatency,
    Declare,
    Delete,
    EditRoutes,
    Event,
    Happening,
    MakeRequest,
    Metrics,
    Scale,
    Scenario,
    SetMetrics,
    SetRate,
    Suspend,
)
from canary_sims.scenario.writer import written

__all__ = [
    "HEALTHY",
    "Answer",
    "AnswerHook",
    "Behaviour",
    "ChangeCanary",
    "ChangePrimary",
    "CreepLatency",
    "Declare",
    "Delete",
    "EditRoutes",
    "Event",
    "Happening",
    "MakeRequest",
    "Metrics",
    "Scale",
    "Scenario",
    "ScenarioError",
    "SetMetrics",
    "SetRate",
    "Suspend",
    "parse_scenario",
    "read_scenario",
    "written",
]
