"""What every `canary_ports.Hooks` keeps to."""

from typing import Final, Protocol

from canary_core import Approved, HookQuestion, Phase, Refused, Unreachable, notices
from canary_ports import Hooks

__all__ = ["HooksBackDoor", "HooksContract"]

_WAIT: Final = "weight 10"


class HooksBackDoor(Protocol):
    """Hooks of one rollout, and whoever they ask."""

    @property
    def hooks(self) -> Hooks:
        """The port."""
        ...

    @property
    def hook(self) -> str:
        """The id of a hook that is asked."""
        ...

    @property
    def listener(self) -> str:
        """The id of a hook of type ``event``."""
        ...

    def says(self, *, yes: bool) -> None:
        """What the receiver answers from now on."""
        ...

    def is_down(self) -> None:
        """Nobody answers from now on."""
        ...

    def asked(self) -> int:
        """How often the receiver was asked with success, ever."""
        ...

    def told(self) -> int:
        """How many notices have reached the listener, ever."""
        ...


class HooksContract:
    """Approved, refused, unreachable: three different things, and no exception."""

    def door(self) -> HooksBackDoor:
        """A fresh one."""
        raise NotImplementedError

    def question(self, door: HooksBackDoor) -> HookQuestion:
        """A question with an identity of its own."""
        return HookQuestion(hook=door.hook, phase=Phase.PROGRESSING, revision="v1:a", step=_WAIT, attempt=0)

    def test_yes_is_approved(self) -> None:
        """Asked once, answered once."""
        door = self.door()
        door.says(yes=True)
        assert door.hooks.ask(self.question(door)) == Approved()
        assert door.asked() == 1

    def test_no_is_refused(self) -> None:
        """A hook that says no is not a hook that is down."""
        door = self.door()
        door.says(yes=False)
        assert isinstance(door.hooks.ask(self.question(door)), Refused)

    def test_a_hook_that_is_down_is_unreachable_and_raises_nothing(self) -> None:
        """Nor is a hook that is down one that says no."""
        door = self.door()
        door.is_down()
        assert isinstance(door.hooks.ask(self.question(door)), Unreachable)

    def test_every_question_is_asked_anew(self) -> None:
        """A gate that opens is seen: no answer is kept."""
        door = self.door()
        door.says(yes=False)
        door.hooks.ask(self.question(door))
        door.says(yes=True)
        assert door.hooks.ask(self.question(door)) == Approved()

    def test_notices_reach_the_listener(self) -> None:
        """Each once."""
        door = self.door()
        door.hooks.tell(door.listener, notices.Initialized())
        assert door.told() == 1

    def test_telling_raises_nothing_if_nobody_listens(self) -> None:
        """Whether it listens is its own business."""
        door = self.door()
        door.is_down()
        door.hooks.tell(door.listener, notices.Initialized())
