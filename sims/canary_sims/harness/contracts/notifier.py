"""What every `canary_ports.Notifier` keeps to."""

from collections.abc import Sequence
from typing import Protocol

from canary_core import Notice, Rollout, notices
from canary_ports import Notifier

__all__ = ["NotifierBackDoor", "NotifierContract"]


class NotifierBackDoor(Protocol):
    """A notifier, and what came out of it."""

    @property
    def notifier(self) -> Notifier:
        """The port."""
        ...

    def told(self) -> Sequence[Notice]:
        """The notices that people were told of, in order."""
        ...

    def is_down(self) -> None:
        """Nobody can be reached from now on."""
        ...


class NotifierContract:
    """Tell people."""

    def door(self) -> NotifierBackDoor:
        """A fresh one."""
        raise NotImplementedError

    def test_each_notice_is_told_in_order(self) -> None:
        """None is lost, none comes twice."""
        door = self.door()
        said: list[Notice] = [
            notices.Initialized(),
            notices.RolloutStarted(),
            notices.AnalysisStarted(),
            notices.RolloutStarted(),
        ]
        for notice in said:
            door.notifier.tell(notice, Rollout())
        assert list(door.told()) == said

    def test_it_never_raises(self) -> None:
        """That people cannot be reached must not hold a rollout up."""
        door = self.door()
        door.is_down()
        door.notifier.tell(notices.Initialized(), Rollout())
