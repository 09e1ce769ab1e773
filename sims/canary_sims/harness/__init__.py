"""What a policy, a port or another controller is tested with: strategies, invariants, contracts, exploration."""

from canary_sims.harness.abstraction import abstracted
from canary_sims.harness.diagram import mermaid, unknown_edges, untaken_edges
from canary_sims.harness.explore import Counterexample, Exploration, explore
from canary_sims.laws.invariants import INVARIANTS, Invariant, broken
from canary_sims.laws.truth import Acted, Decided, Event, Facts, Pods, Rested

__all__ = [
    "INVARIANTS",
    "Acted",
    "Counterexample",
    "Decided",
    "Event",
    "Exploration",
    "Facts",
    "Invariant",
    "Pods",
    "Rested",
    "abstracted",
    "broken",
    "explore",
    "mermaid",
    "unknown_edges",
    "untaken_edges",
]
