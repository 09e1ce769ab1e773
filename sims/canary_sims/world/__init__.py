"""An in-memory service under virtual time that implements all ports."""

from canary_sims.world.autoscaler import Autoscaler
from canary_sims.world.deployment import Deployment, Version
from canary_sims.world.traffic import Counted, Meter
from canary_sims.world.world import Faults, HookAnswer, Told, World

__all__ = ["Autoscaler", "Counted", "Deployment", "Faults", "HookAnswer", "Meter", "Told", "Version", "World"]
