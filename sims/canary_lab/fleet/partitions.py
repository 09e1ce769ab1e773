"""Which clusters get the new version of a bundle now: Fleet's ``rolloutStrategy``, as a pure function.

The rules, as Fleet's documentation and its controller have them (https://fleet.rancher.io/rollout, August 2026):

- Partitions are gone through in their order. Without any, all clusters are one partition (Fleet makes several of 200
  clusters and more).
- A cluster is *unavailable* while what it was given last is not applied there, or not ready.
- A cluster gets the new version while fewer clusters are unavailable than ``maxUnavailable`` allows, of all and of its
  partition; one that is unavailable already gets it in any case: so a fix reaches who has failed.
- The next partition has its turn unless more than ``maxUnavailable`` of this one are unavailable *or not up to date*,
  in more than ``maxUnavailablePartitions`` partitions.

So a partition with one cluster never holds back the next one by itself, for one is not more than one: that takes a
``maxUnavailable`` of 1 for all, or a second cluster in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

__all__ = ["Member", "Partition", "Strategy", "limit", "to_update"]

_ALL: Final = "100%"


@frozen(kw_only=True)
class Partition:
    """A part of the clusters."""

    name: str = ""
    max_unavailable: int | str | None = None
    """None: as for all clusters."""
    labels: Mapping[str, str] = field(factory=dict)
    """Of the clusters in it."""


@frozen(kw_only=True)
class Strategy:
    """How a bundle is rolled out."""

    max_unavailable: int | str | None = None
    """Clusters at a time. None: all."""
    max_unavailable_partitions: int | str = 0
    partitions: tuple[Partition, ...] = ()

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> "Strategy":
        """The ``rolloutStrategy`` of a ``fleet.yaml``; partitions are those that select clusters by labels."""
        return cls(
            max_unavailable=found.get("maxUnavailable"),
            max_unavailable_partitions=found.get("maxUnavailablePartitions", 0),
            partitions=tuple(
                Partition(
                    name=each.get("name", ""),
                    max_unavailable=each.get("maxUnavailable"),
                    labels=each["clusterSelector"]["matchLabels"],
                )
                for each in found.get("partitions", ())
            ),
        )


@frozen(kw_only=True)
class Member:
    """A cluster that the bundle is for."""

    name: str
    labels: Mapping[str, str] = field(factory=dict)
    is_new: bool = False
    """Whether it was given the newest version."""
    is_ready: bool = True
    """Whether what it was given last is applied there and ready."""


def limit(count: int, *given: int | str | None) -> int:
    """How many of so many the first of these values allows that is one; a share is rounded down, but is at least one.

    Args:
        count: Of what there is.
        given: Numbers, or shares such as ``25%``. None of them: all.
    """
    if count <= 0:
        return 1
    found = next((each for each in given if each is not None), _ALL)
    if isinstance(found, int):
        return found
    return max(1, int(count * float(found.removesuffix("%"))) // 100)


def to_update(strategy: Strategy, members: Sequence[Member]) -> tuple[str, ...]:
    """The clusters that are given the newest version now, of those that were not.

    Args:
        strategy: Of the bundle.
        members: All clusters of the bundle.
    """
    members = sorted(members, key=lambda each: each.name)
    unavailable = sum(not each.is_ready for each in members)
    most = limit(len(members), strategy.max_unavailable)
    parts = strategy.partitions or (Partition(name="All"),)
    given: list[str] = []
    closed = 0
    for part in parts:
        inside = [each for each in members if part.labels.items() <= each.labels.items()]
        here, most_here = (
            sum(not each.is_ready for each in inside),
            limit(len(inside), part.max_unavailable, strategy.max_unavailable),
        )
        for each in inside:
            if each.is_new or each.name in given:
                continue
            if each.is_ready and not (unavailable < most and here < most_here):
                continue
            unavailable, here = unavailable + each.is_ready, here + each.is_ready
            given.append(each.name)
        closed += sum(not each.is_new or not each.is_ready for each in inside) > most_here
        if closed > limit(len(parts), strategy.max_unavailable_partitions):
            break
    return tuple(given)
