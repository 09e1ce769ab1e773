"""What every `canary_ports.RolloutStore` keeps to."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from canary_core import (
    Counts,
    KnownGood,
    Outcome,
    Phase,
    Policy,
    Record,
    Reply,
    Request,
    Rollout,
    Traffic,
    Verb,
    Wait,
    Waiting,
    notices,
)
from canary_core.record import Entry
from canary_ports import ConflictError, GoneError, RolloutStore

__all__ = ["RolloutStoreContract", "StoreBackDoor", "raised"]

_E = TypeVar("_E", bound=Exception)


class StoreBackDoor(Protocol):
    """A store of an object of which nothing was saved yet, and the truth behind it."""

    @property
    def store(self) -> RolloutStore:
        """The port."""
        ...

    @property
    def policy(self) -> Policy:
        """What the object declares."""
        ...

    def touch(self) -> None:
        """Somebody else writes to the object."""
        ...

    def redeclare(self) -> None:
        """The owner changes what the object declares."""
        ...

    def ask(self, request: Request) -> None:
        """A person asks for something."""
        ...

    def delete(self) -> None:
        """The object is to be deleted, and waits for us."""
        ...

    def exists(self) -> bool:
        """Whether the object is still there."""
        ...


def raised(expected: type[_E], call: Callable[[], object]) -> _E:
    """The error that a call raises.

    Raises:
        AssertionError: It raises none of that class.
    """
    try:
        call()
    except expected as error:
        return error
    raise AssertionError(f"{expected.__name__} was not raised")


class RolloutStoreContract:
    """Load and save, with optimistic concurrency."""

    def door(self) -> StoreBackDoor:
        """A fresh one."""
        raise NotImplementedError

    def rollouts(self) -> list[Rollout]:
        """States with something in every field."""
        return [
            Rollout(phase=Phase.PROGRESSING, traffic=Traffic(canary_weight=10), started=True, attempt=2),
            Rollout(
                phase=Phase.FAILED,
                iterations=3,
                counts=Counts(failed=1, no_data=2, errors=3),
                applied="v1:b",
                promoted="v1:a",
                known_good=KnownGood.NONE,
                outcome=Outcome.PROMOTION,
                waiting=Waiting(on=Wait.PRIMARY, since_s=1.5),
                since_s=2.25,
                changed_s=3.125,
                paused=True,
                suspended=True,
                skipped=True,
                replicas=4,
                request="r1",
                reply=Reply.NOT_PAUSED,
                pending=(notices.NoKnownGood(), notices.RolledBack()),
            ),
            Rollout(),
        ]

    def test_nothing_saved_is_a_new_rollout(self) -> None:
        """And the policy is what was declared."""
        door = self.door()
        found = door.store.load()
        assert found.rollout == Rollout()
        assert found.policy == door.policy
        assert found.request is None
        assert not found.redeclared
        assert not found.deleting

    def test_what_was_saved_is_loaded(self) -> None:
        """Round trip of every field, and read-your-writes."""
        door = self.door()
        for rollout in self.rollouts():
            door.store.save(rollout, door.store.load().version)
            assert door.store.load().rollout == rollout

    def test_a_record_is_loaded_as_it_was_saved_and_kept_by_who_gives_none(self) -> None:
        """Beside the rollout."""
        door, (one, other) = self.door(), self.rollouts()[:2]
        assert door.store.load().record == Record()
        happened = Record(now=Entry(revision="v1:1", title="app:1", began_s=1.5e9, weight=20))
        version = door.store.save(one, door.store.load().version, happened)
        assert door.store.load().record == happened
        door.store.save(other, version)
        assert door.store.load().record == happened

    def test_saving_makes_a_new_version(self) -> None:
        """The one that `save` returns, which can be saved upon."""
        door = self.door()
        first = door.store.load().version
        one, other = self.rollouts()[:2]
        second = door.store.save(one, first)
        assert second != first
        assert door.store.load().version == second
        door.store.save(other, second)
        assert door.store.load().rollout == other

    def test_a_stale_version_is_refused_and_nothing_stored(self) -> None:
        """Whoever comes second observes again."""
        door = self.door()
        stale = door.store.load().version
        one, other = self.rollouts()[:2]
        door.store.save(one, stale)
        raised(ConflictError, lambda: door.store.save(other, stale))
        assert door.store.load().rollout == one

    def test_a_write_of_somebody_else_makes_a_version_stale(self) -> None:
        """Not only our own."""
        door = self.door()
        stale = door.store.load().version
        door.touch()
        raised(ConflictError, lambda: door.store.save(self.rollouts()[0], stale))
        assert door.store.load().rollout == Rollout()

    def test_another_declaration_is_said_until_a_rollout_is_saved(self) -> None:
        """Also a rollout that has not changed itself; and nobody changed what was never acted upon."""
        door = self.door()
        found = door.store.load()
        assert not found.redeclared
        door.store.save(found.rollout, found.version)
        assert not door.store.load().redeclared
        door.redeclare()
        found = door.store.load()
        assert found.redeclared
        door.store.save(found.rollout, found.version)
        assert not door.store.load().redeclared

    def test_a_request_is_loaded(self) -> None:
        """As long as it stands there; another identity is another request."""
        door = self.door()
        door.ask(Request(id="r1", verb=Verb.PAUSE))
        first = door.store.load().request
        assert first is not None
        assert first.verb is Verb.PAUSE
        assert door.store.load().request == first
        door.ask(Request(id="r2", verb=Verb.PAUSE))
        second = door.store.load().request
        assert second is not None
        assert (second.verb, second.id != first.id) == (Verb.PAUSE, True)

    def test_deletion_is_seen_and_waits_for_release(self) -> None:
        """An object that is being deleted can still be saved to."""
        door = self.door()
        door.delete()
        found = door.store.load()
        assert found.deleting
        door.store.save(Rollout(phase=Phase.TERMINATING), found.version)
        assert door.exists()
        door.store.release()
        assert not door.exists()

    def test_an_object_that_is_gone_says_so(self) -> None:
        """Loading and saving raise `GoneError`; releasing again is no error."""
        door = self.door()
        version = door.store.load().version
        door.delete()
        door.store.release()
        raised(GoneError, door.store.load)
        raised(GoneError, lambda: door.store.save(Rollout(), version))
        door.store.release()

    def test_an_object_that_stays_is_not_let_go(self) -> None:
        """`release` of an object that nobody deletes does nothing."""
        door = self.door()
        door.store.release()
        assert door.exists()
