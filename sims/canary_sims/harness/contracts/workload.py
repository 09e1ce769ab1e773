"""What every `canary_ports.WorkloadPort` keeps to."""

from typing import ClassVar, Protocol

from canary_ports import RevisionChangedError, WorkloadPort
from canary_sims.harness.contracts.store import raised

__all__ = ["WorkloadBackDoor", "WorkloadContract"]


class WorkloadBackDoor(Protocol):
    """A port over a target that runs with two pods, no primary yet, and the truth behind it."""

    @property
    def workload(self) -> WorkloadPort:
        """The port."""
        ...

    def declare(self, name: str) -> None:
        """Have the target declare something else; the same name is the same declaration."""
        ...

    def settle(self) -> None:
        """Let pods start, stop and become ready, until nothing changes any more."""
        ...

    def autoscale(self, fewest: int) -> None:
        """Give target and primary an autoscaler with this minimum."""
        ...

    def edit_primary(self) -> None:
        """Have the primary's template be another one, as somebody does by hand."""
        ...

    def delete_target(self) -> None:
        """Take the target away."""
        ...

    def target_replicas(self) -> int:
        """Pods that the target asks for."""
        ...

    def primary_replicas(self) -> int | None:
        """Pods that the primary asks for. None: there is none."""
        ...

    def primary_runs(self) -> str | None:
        """The name of the declaration that the primary's template was made from. None: there is none."""
        ...


class WorkloadContract:
    """Observe and change target and primary."""

    keeps_time: ClassVar[bool] = True
    """Whether pods become ready in `WorkloadBackDoor.settle`."""

    def door(self) -> WorkloadBackDoor:
        """A fresh one; the target declares ``"one"``."""
        raise NotImplementedError

    def _revision(self, door: WorkloadBackDoor) -> str:
        canary = door.workload.observe().canary
        assert canary is not None
        assert canary.revision is not None
        return canary.revision

    def test_absence_is_none(self) -> None:
        """No primary, and then no target either, is no error."""
        door = self.door()
        assert door.workload.observe().primary is None
        door.delete_target()
        assert door.workload.observe().canary is None

    def test_the_target_is_observed(self) -> None:
        """With its pods."""
        door = self.door()
        door.settle()
        canary = door.workload.observe().canary
        assert canary is not None
        assert (canary.replicas, canary.total) == (2, 2)
        assert canary.available == 2 or not self.keeps_time

    def test_a_fingerprint_is_that_of_the_declaration(self) -> None:
        """It changes with what is declared, comes back with it, and does not change with time or scale."""
        door = self.door()
        one = self._revision(door)
        door.declare("two")
        two = self._revision(door)
        assert two != one
        door.settle()  # a write while others write may meet a conflict, which is no matter of this test
        door.workload.scale_canary(0)
        door.settle()
        assert self._revision(door) == two
        door.declare("one")
        assert self._revision(door) == one

    def test_a_primary_is_made_from_the_target(self) -> None:
        """With its fingerprint and so many pods, and nothing of the target is touched."""
        door = self.door()
        one = self._revision(door)
        door.workload.ensure_primary(one, 3)
        assert door.primary_runs() == "one"
        assert door.primary_replicas() == 3
        assert door.target_replicas() == 2
        primary = door.workload.observe().primary
        assert primary is not None
        assert primary.revision == one

    def test_an_existing_primary_keeps_its_number_of_pods(self) -> None:
        """Asked for twice is as good as once."""
        door = self.door()
        one = self._revision(door)
        door.workload.ensure_primary(one, 3)
        door.workload.ensure_primary(one, 5)
        assert door.primary_replicas() == 3
        assert door.primary_runs() == "one"

    def test_a_new_primary_becomes_ready(self) -> None:
        """When its pods have started."""
        door = self.door()
        door.workload.ensure_primary(self._revision(door), 2)
        door.settle()
        primary = door.workload.observe().primary
        assert primary is not None
        assert primary.available == 2 or not self.keeps_time

    def test_promotion_copies_the_target(self) -> None:
        """The primary is given the declaration and the number of pods; twice is as good as once."""
        door = self.door()
        door.workload.ensure_primary(self._revision(door), 2)
        door.declare("two")
        two = self._revision(door)
        for _ in range(2):
            door.workload.promote(two, 4)
            assert door.primary_runs() == "two"
            assert door.primary_replicas() == 4
        primary = door.workload.observe().primary
        assert primary is not None
        assert primary.revision == two

    def test_promotion_can_leave_the_number_of_pods_alone(self) -> None:
        """An autoscaler owns it."""
        door = self.door()
        door.workload.ensure_primary(self._revision(door), 3)
        door.declare("two")
        door.workload.promote(self._revision(door), None)
        assert door.primary_replicas() == 3

    def test_a_target_that_has_changed_is_not_copied(self) -> None:
        """Neither into a new primary nor into an existing one; nothing is changed."""
        door = self.door()
        one = self._revision(door)
        door.declare("two")
        if one not in door.workload.kept():
            raised(RevisionChangedError, lambda: door.workload.ensure_primary(one, 2))
        raised(RevisionChangedError, lambda: door.workload.ensure_primary(f"{one}-never", 2))
        assert door.primary_runs() is None
        two = self._revision(door)
        door.workload.ensure_primary(two, 2)
        door.declare("three")
        raised(RevisionChangedError, lambda: door.workload.promote(two, 2))
        raised(RevisionChangedError, lambda: door.workload.promote(one, 2))
        assert door.primary_runs() == "two"

    def test_a_target_that_is_gone_is_not_copied(self) -> None:
        """It is refused in the same way."""
        door = self.door()
        one = self._revision(door)
        door.delete_target()
        raised(RevisionChangedError, lambda: door.workload.ensure_primary(one, 2))
        assert door.primary_runs() is None

    def test_what_is_kept_of_a_revision_can_be_made_a_primary(self) -> None:
        """Although the target is another one by now; an existing primary is not changed to it."""
        door = self.door()
        one = self._revision(door)
        door.settle()
        door.declare("two")
        door.settle()
        if one in door.workload.kept():
            door.workload.ensure_primary(one, 2)
            assert door.primary_runs() == "one"
            door.workload.promote(self._revision(door), None)
            raised(RevisionChangedError, lambda: door.workload.ensure_primary(one, 2))
            assert door.primary_runs() == "two"

    def test_a_primary_that_is_removed_can_be_made_anew(self) -> None:
        """To remove none is no error."""
        door = self.door()
        door.workload.remove_primary()
        door.workload.ensure_primary(self._revision(door), 2)
        door.settle()
        door.workload.remove_primary()
        door.workload.remove_primary()
        assert (door.workload.observe().primary, door.primary_runs()) == (None, None)
        door.workload.ensure_primary(self._revision(door), 3)
        assert (door.primary_runs(), door.primary_replicas()) == ("one", 3)

    def test_a_primary_that_somebody_edited_is_restored_and_keeps_its_number_of_pods(self) -> None:
        """Whatever the target is by then; what nobody edited is left alone."""
        door = self.door()
        one = self._revision(door)
        door.workload.restore_primary(one)
        assert door.primary_runs() is None
        door.workload.ensure_primary(one, 2)
        door.settle()
        door.workload.scale_primary(3)
        door.settle()
        assert self._is_edited(door) is False
        door.declare("two")
        door.edit_primary()
        door.settle()
        assert (self._is_edited(door), door.primary_runs()) == (True, "edited")
        for _ in range(2):
            door.workload.restore_primary(one)
            assert (self._is_edited(door), door.primary_runs(), door.primary_replicas()) == (False, "one", 3)
        door.settle()
        door.edit_primary()
        door.settle()
        door.workload.promote(self._revision(door), None)
        assert (self._is_edited(door), door.primary_runs()) == (False, "two")

    def _is_edited(self, door: WorkloadBackDoor) -> bool:
        primary = door.workload.observe().primary
        assert primary is not None
        return primary.edited

    def test_a_primary_is_scaled_and_nothing_else_of_it_is_touched(self) -> None:
        """From nothing, too; without one nothing is done."""
        door = self.door()
        door.workload.scale_primary(2)
        assert door.primary_replicas() is None
        door.workload.ensure_primary(self._revision(door), 2)
        for replicas in (0, 3, 3):
            door.settle()
            door.workload.scale_primary(replicas)
            assert (door.primary_replicas(), door.primary_runs()) == (replicas, "one")

    def test_an_autoscaler_is_held_and_let_go(self) -> None:
        """What is kept is never less than declared; twice is as good as once."""
        door = self.door()
        door.autoscale(2)
        door.workload.ensure_primary(self._revision(door), 2)
        for wanted, floor in ((5, 5), (5, 5), (1, 2), (None, 2), (None, 2)):
            door.workload.hold_primary(wanted)
            primary = door.workload.observe().primary
            assert primary is not None
            assert (primary.held, primary.floor) == (wanted, floor)

    def test_without_an_autoscaler_there_is_nothing_to_hold(self) -> None:
        """Nor without a primary."""
        door = self.door()
        door.workload.hold_primary(3)
        door.workload.ensure_primary(self._revision(door), 2)
        door.workload.hold_primary(3)
        primary = door.workload.observe().primary
        assert primary is not None
        assert (primary.held, primary.floor, primary.replicas) == (None, None, 2)

    def test_scaling_is_absolute_and_touches_nothing_else(self) -> None:
        """To nothing and back, twice each; the fingerprint stays."""
        door = self.door()
        one = self._revision(door)
        for replicas in (0, 0, 3, 3):
            door.workload.scale_canary(replicas)
            assert door.target_replicas() == replicas
            canary = door.workload.observe().canary
            assert canary is not None
            assert canary.replicas == replicas
        assert self._revision(door) == one
