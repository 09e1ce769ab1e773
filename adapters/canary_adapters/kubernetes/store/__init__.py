"""The rollout in the status of its Canary."""

from canary_adapters.kubernetes.store.acceptance import unanswered
from canary_adapters.kubernetes.store.conditions import Problem
from canary_adapters.kubernetes.store.memory import Definition
from canary_adapters.kubernetes.store.reader import CanaryReader, Loaded
from canary_adapters.kubernetes.store.store import FINALIZER, CanaryStore

__all__ = ["FINALIZER", "CanaryReader", "CanaryStore", "Definition", "Loaded", "Problem", "unanswered"]
