"""A stand-in for the parts of Rancher Fleet that decide when which cluster gets a new version. It is not Fleet."""

from canary_lab.fleet.partitions import Member, Partition, Strategy, to_update
from canary_lab.fleet.readiness import BundleState, judged

__all__ = ["BundleState", "Member", "Partition", "Strategy", "judged", "to_update"]
