"""What every `canary_ports.RouterPort` keeps to."""

from typing import ClassVar, Protocol

from canary_core import Audience, Cookies, Traffic
from canary_ports import RouterPort

__all__ = ["RouterBackDoor", "RouterContract"]


class RouterBackDoor(Protocol):
    """A router without routes of ours yet, and the truth behind it."""

    @property
    def router(self) -> RouterPort:
        """The port."""
        ...

    def in_force(self) -> Traffic | None:
        """The split that requests really follow."""
        ...

    def edit(self, traffic: Traffic) -> None:
        """Change the split behind the port's back."""
        ...

    def writes(self) -> int:
        """How often the routing objects were really written, ever."""
        ...


class RouterContract:
    """Read and set the split of traffic."""

    has_mirroring: ClassVar[bool] = True
    """Whether requests can be copied."""
    has_matching: ClassVar[bool] = True
    """Whether a split can be for matched requests only."""
    has_cookies: ClassVar[bool] = True
    """Whether users can be kept by cookies."""
    writes_only_changes: ClassVar[bool] = True
    """Whether putting in force what is in force already writes nothing."""

    def door(self) -> RouterBackDoor:
        """A fresh one."""
        raise NotImplementedError

    def splits(self) -> list[Traffic]:
        """Splits of every sort that the implementation is capable of."""
        found = [Traffic(canary_weight=weight) for weight in (0, 1, 50, 99, 100)]
        if self.has_mirroring:
            found.append(Traffic(mirrored=True))
        if self.has_matching:
            found.append(Traffic(canary_weight=100, audience=Audience.MATCHED))
        if self.has_cookies:
            found.append(Traffic(canary_weight=10, cookies=Cookies(canary="one", primary="two")))
            found.append(Traffic(cookies=Cookies(primary="two", expired="one")))
        return found

    def test_no_routes_read_as_none(self) -> None:
        """Absence is None, never an error."""
        assert self.door().router.read() is None

    def test_what_was_ensured_is_read(self) -> None:
        """Round trip, and read-your-writes: at once, and equal."""
        door = self.door()
        for split in self.splits():
            door.router.ensure(split)
            assert door.router.read() == split

    def test_what_was_ensured_is_in_force(self) -> None:
        """It is not only read back but followed."""
        door = self.door()
        for split in self.splits():
            door.router.ensure(split)
            assert door.in_force() == split

    def test_twice_is_as_good_as_once(self) -> None:
        """The second `ensure` changes nothing."""
        door = self.door()
        for split in self.splits():
            door.router.ensure(split)
            written = door.writes()
            door.router.ensure(split)
            assert door.in_force() == split
            assert door.writes() == written or not self.writes_only_changes

    def test_an_edit_by_somebody_else_is_seen(self) -> None:
        """`read` tells what is in force, not what was wanted."""
        door = self.door()
        door.router.ensure(Traffic())
        door.edit(Traffic(canary_weight=37))
        assert door.router.read() == Traffic(canary_weight=37)

    def test_an_edit_by_somebody_else_is_put_right(self) -> None:
        """`ensure` is absolute: it does not matter what was there."""
        door = self.door()
        door.router.ensure(Traffic(canary_weight=10))
        door.edit(Traffic(canary_weight=37))
        door.router.ensure(Traffic(canary_weight=10))
        assert door.in_force() == Traffic(canary_weight=10)

    def test_released_routes_are_none(self) -> None:
        """After `release` there are no routes of ours; doing it again is no error."""
        door = self.door()
        door.router.ensure(Traffic(canary_weight=10))
        door.router.release()
        assert door.router.read() is None
        door.router.release()
        assert door.router.read() is None

    def test_released_routes_can_be_made_again(self) -> None:
        """`release` is not the end."""
        door = self.door()
        door.router.ensure(Traffic(canary_weight=10))
        door.router.release()
        door.router.ensure(Traffic())
        assert door.router.read() == Traffic()
