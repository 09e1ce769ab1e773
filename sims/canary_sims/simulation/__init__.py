"""A rollout under virtual time: the real driver over the in-memory world, while a scenario happens to it."""

from canary_sims.simulation.records import Ending, Happened, Measured, Pods, Result, Run, Served, TickRecord
from canary_sims.simulation.run import simulate

__all__ = ["Ending", "Happened", "Measured", "Pods", "Result", "Run", "Served", "TickRecord", "simulate"]
