"""Planted bugs: what a campaign of faults must find, or it proves nothing.

Each is a way in which controllers of this kind have failed, or could. They are wrapped around the real machine, or
stand in for the real driver, so that they stay small and go on to apply when those change.
"""

from planted_bugs import capacity as planted_capacity
from planted_bugs import drivers as planted_drivers
from planted_bugs import machines as planted_machines
from planted_bugs import sessions as planted_sessions
from planted_bugs.planting import PLANTED, Planted

__all__ = ["PLANTED", "Planted", "planted_capacity", "planted_drivers", "planted_machines", "planted_sessions"]
