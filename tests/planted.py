"""Planted bugs: what a campaign of faults must find, or it proves nothing.

Each is a way in which controllers of this kind have failed, or could. They are wrapped around the real machine, or
stand in for the real driver, so that they stay small and go on to apply when those change.
"""

import planted_capacity
import planted_drivers
import planted_machines
import planted_sessions
from planting import PLANTED, Planted

__all__ = ["PLANTED", "Planted", "planted_capacity", "planted_drivers", "planted_machines", "planted_sessions"]
