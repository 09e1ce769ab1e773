"""What stands in the way: something that cannot be read, found or served as it is declared, as a value.

A refusal is an observation. It never stops the machine from judging a canary that has traffic, nor from hearing a
person; it keeps a new rollout from beginning, and people are told of it once.
"""

import enum

from attrs import frozen

from canary_core.values import Value

__all__ = ["Obstacle", "Source"]


class Source(enum.Enum):
    """How an obstacle was found."""

    SEEN = "seen"
    """It is there, or not, each time that somebody looks."""
    ACTED = "acted"
    """Something was refused when it was tried, and is in the way until everything that is wanted is in force."""


@frozen(kw_only=True, repr=False)
class Obstacle(Value):
    """Something that is not as it must be."""

    reason: str
    """One word in CamelCase, for machines (``InvalidSpec``)."""
    message: str
    """What is wrong, where, and what to change, for people; it ends without a full stop."""
    source: Source = Source.SEEN
    transient: bool = False
    """Whether it goes by itself, without anybody changing anything: somebody did not answer."""
