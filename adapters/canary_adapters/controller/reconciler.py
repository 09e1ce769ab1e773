"""One rollout at a time: build its ports, let the driver tick, and tell people where that was not possible."""

import math
import random
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from attrs import define, evolve, frozen

from canary_adapters.controller.asking import CrowdedError
from canary_adapters.controller.assembly import Assembly, Rolling
from canary_adapters.controller.attempts import Attempts
from canary_adapters.controller.interests import Claims, Interests, Key
from canary_adapters.controller.news import Seen, after, declared, look, whole
from canary_adapters.controller.pacing import Pace, Patience
from canary_adapters.kubernetes.cluster import Own
from canary_adapters.kubernetes.naming import owning_canary
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, SERVICES, Ref
from canary_adapters.kubernetes.workload import referenced_configs
from canary_adapters.manifests import Canary
from canary_core import Decision
from canary_core.notices import Obstructed
from canary_ports import (
    ConflictError,
    Gather,
    GoneError,
    RefusedError,
    RevisionChangedError,
    Tick,
    UnavailableError,
    tick,
)
from canary_ports.driver import MAX_PASSES

__all__ = ["Reconciler", "Verdict"]

SOON_S: Final = 0.05
LONGEST_PAUSE_S: Final = 60.0
LOOK_S: Final = 60.0
"""A canary that is refused is looked at this often, without a request: it counts as one, and so alerts see it."""
WITH_CONFLICTS: Final = Patience(first_s=SOON_S, longest_s=LONGEST_PAUSE_S)
"""The cache is about to have what the other one wrote."""
WITH_OUTAGES: Final = Patience(first_s=0.5, longest_s=LONGEST_PAUSE_S)
WITH_CIRCLES: Final = Patience(first_s=10.0, longest_s=600.0)
"""A tick that has not come to an end by itself will hardly do so the next time."""
WITH_MISTAKES: Final = Patience(first_s=0.5, longest_s=LONGEST_PAUSE_S, for_declarations=True)
SLACK_S: Final = 0.005
"""Who is early by so little is not sent away: clocks are read one after the other."""
SPREAD: Final = 0.05
"""Share of a pause by which it may become longer."""
MOST_SPREAD_S: Final = 1.0
CROWDED_PAUSE_S: Final = 10.0
"""Should nobody wake a canary for which there was no place."""
SETTLED_PAUSE_S: Final = 300.0
"""A settled rollout is looked at again from the caches, without a request, should a change have been missed."""
_CHANCE: Final = random.Random()
"""Of its own, so that whoever seeds or watches the global one is not disturbed from another thread."""
_log = structlog.get_logger("canary.controller")


@frozen(kw_only=True)
class Verdict:
    """What came of working on a canary."""

    result: str
    """``ok``, ``conflict``, ``crowded``, ``unavailable``, ``refused``, ``gone`` or ``error``; or ``waiting``: there was
    nothing to do."""
    again_in_s: float | None
    """When to work on it again if nothing changes before. None: never."""


class _CircleError(Exception):
    """A tick would go on without end."""


@define
class _Turn:
    """What one turn of work on a canary met."""

    key: Key
    rolling: Rolling
    before: Seen
    holder: Key
    """Whose its target is."""
    own: list[Own]


@frozen
class _Last:
    """What came of the last turn."""

    pace: Pace
    result: str


@frozen
class _Refusals:
    """What was refused of a rollout that otherwise goes on."""

    pace: Pace
    """When it is tried again."""
    known: Mapping[Decision, RefusedError]


def _looked(result: str, wait_s: float) -> Verdict:
    return Verdict(result=result, again_in_s=min(wait_s, LOOK_S) if result == "refused" else wait_s)


def _spread(pause_s: float) -> float:
    """A little later than asked for, so that what began together does not stay together for ever."""
    return max(0.0, pause_s) + _CHANCE.uniform(0.0, min(MOST_SPREAD_S, SPREAD * max(0.0, pause_s)))


class Reconciler:
    """Works on canaries; never on the same one twice at once, for which the queue cares."""

    def __init__(
        self,
        assembly: Assembly,
        interests: Interests,
        claims: Claims,
        *,
        gather: Callable[[Key], Gather],
        now_s: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Makes one.

        Args:
            assembly: Builds the ports.
            interests: Told what each canary depends on.
            claims: Knows whose target is whose.
            gather: How the questions of a canary are answered at the same time.
            now_s: Wall-clock time.
            clock: Seconds that never step back.
        """
        self._assembly, self._interests, self._claims = assembly, interests, claims
        self._gather, self._now_s, self._clock = gather, now_s, clock
        self._watched = frozenset(assembly.registry.watched(tracks=assembly.options.objects.track_configs))
        self._last: dict[Key, _Last] = {}
        self._refusals: dict[Key, _Refusals] = {}

    def attend(self, key: Key) -> Verdict:
        """Carry one rollout on if its time has come or somebody else has changed something; see `reconcile`."""
        last = self._last.get(key)
        if last is not None:
            number = declared if last.pace.for_declarations else whole
            wait_s = last.pace.wait_s(number(self._look(key), self._holder(key)), self._clock())
            if wait_s > SLACK_S:
                return _looked("refused" if last.result == "refused" else "waiting", wait_s)
        return self.reconcile(key)

    def reconcile(self, key: Key) -> Verdict:
        """Carry one rollout on. Raises nothing: what goes wrong with one canary harms no other."""
        obj = self._assembly.cluster.get(CANARIES, *key)
        if obj is None:
            self._forget(key)
            return Verdict(result="gone", again_in_s=None)
        with self._assembly.cluster.noting() as own:
            rolling, before = self._assembly.rolling(obj), self._look(key)
            return self._turn(_Turn(key, rolling, before, self._holder(key), own))

    def _turn(self, turn: _Turn) -> Verdict:
        log = _log.bind(canary=f"{turn.key[1]}.{turn.key[0]}", namespace=turn.key[0])
        try:
            verdict = self._tick(turn)
        except (ConflictError, RevisionChangedError) as error:
            log.debug("somebody else wrote in between", error=str(error))
            return self._failed(turn, "conflict", WITH_CONFLICTS)
        except CrowdedError:
            log.debug("too many questions are open")
            self._last.pop(turn.key, None)
            return Verdict(result="crowded", again_in_s=CROWDED_PAUSE_S)
        except UnavailableError as error:
            verdict = self._failed(turn, "unavailable", WITH_OUTAGES, least_s=error.retry_after_s or 0.0)
            log.warning("the tick could not be ended", error=str(error), again_in_s=round(verdict.again_in_s or 0.0, 2))
            return verdict
        except GoneError:
            self._last.pop(turn.key, None)
            return Verdict(result="gone", again_in_s=SOON_S)
        except _CircleError:
            log.warning("what was done was not found done, again and again")
            return self._failed(turn, "error", WITH_CIRCLES)
        except RefusedError as error:
            return self._refused(turn, error)
        except Exception:
            log.exception("a mistake of the controller")
            return self._failed(turn, "error", WITH_MISTAKES)
        if verdict.again_in_s is None:
            self._last.pop(turn.key, None)
        else:
            view = whole(self._left(turn), turn.holder)
            pace = Pace(view=view, due_s=self._clock() + verdict.again_in_s)
            self._last[turn.key] = _Last(pace, verdict.result)
        return verdict

    def _tick(self, turn: _Turn) -> Verdict:
        key, rolling = turn.key, turn.rolling
        try:
            canary = rolling.prepare()
        except RefusedError:
            if rolling.let_go_if_deleting():
                return Verdict(result="ok", again_in_s=None)
            raise
        self._interests.set(key, self._refs(key, canary))
        turn.before = {**self._look(key), **turn.before}
        if not rolling.deleting:
            self._refuse_a_rival(turn, canary)
        started = time.monotonic()
        done = self._carry_on(turn)
        rolling.ended(done, time.monotonic() - started)
        # The target may have got other references by now.
        self._interests.set(key, self._refs(key, canary))
        if len(done.steps) >= MAX_PASSES:
            raise _CircleError
        pause_s = min(self._pause_s(done), self._until_tried_s(key))
        return Verdict(
            result="refused" if done.refused or isinstance(done.reason, Obstructed) else "ok", again_in_s=pause_s
        )

    def _pause_s(self, done: Tick) -> float:
        """How long a rollout can be left alone after a tick that went well."""
        if isinstance(done.reason, Obstructed):
            return LOOK_S * _CHANCE.uniform(0.8, 1.2)
        if done.next_s is None:
            return SETTLED_PAUSE_S * _CHANCE.uniform(0.8, 1.2)
        return _spread(done.next_s - self._now_s())

    def _until_tried_s(self, key: Key) -> float:
        """How long until what was refused is to be tried again, which no settled phase may put off."""
        known = self._refusals.get(key)
        return math.inf if known is None else max(0.0, known.pace.due_s - self._clock())

    def _carry_on(self, turn: _Turn) -> Tick:
        """Tick. What was refused before is tried again only when its time has come; all else goes on."""
        known = self._refusals.get(turn.key)
        due = known is None or known.pace.wait_s(declared(turn.before, turn.holder), self._clock()) <= SLACK_S
        attempts = Attempts({} if known is None or due else known.known)
        try:
            return tick(turn.rolling.ports(attempts), gather=self._gather(turn.key))
        finally:
            if attempts.tried:
                pace = known.pace if known is not None else Pace()
                pace = self._slower(turn, pace, turn.rolling.patience)
                self._refusals[turn.key] = _Refusals(pace, attempts.refused)
            elif not attempts.refused:
                self._refusals.pop(turn.key, None)

    def _refs(self, key: Key, canary: Canary) -> set[Ref]:
        """What a rollout depends on."""
        place = canary.namespace
        refs = {*self._assembly.refs(canary), *self._declared_target(key)}
        target = self._assembly.cluster.get(DEPLOYMENTS, place, canary.spec.target_ref.name)
        if target is not None and canary.spec.target_ref.kind == DEPLOYMENTS.kind:
            refs |= {(ref.kind.resource, place, ref.name) for ref in referenced_configs(target["spec"]["template"])}
        return refs

    def _declared_target(self, key: Key) -> tuple[Ref, ...]:
        """Another than that of the rollout, if that waits for it to exist."""
        target = self._claims.target(key)
        if target is None:
            return ()
        kind, namespace, name = target
        return ((SERVICES if kind == SERVICES.kind else DEPLOYMENTS, namespace, name),)

    # -- Whose the target is ---------------------------------------------------------------------------------------

    def _refuse_a_rival(self, turn: _Turn, canary: Canary) -> None:
        """Refuse a canary whose target is another one's.

        Raises:
            RefusedError: It says whose, and why.
        """
        why = self._claims.why(turn.key, self._owner(turn.key)) if turn.holder != turn.key else None
        if why is None:
            return
        target, (place, name) = canary.spec.target_ref, turn.holder
        raise RefusedError(
            "TargetInUse",
            f"{target.kind.lower()} {target.name}.{place} is the target of canary {name}.{place} already, "
            f"which {why.value}; delete one of the two, or name another target",
        )

    def _holder(self, key: Key) -> Key:
        return self._claims.holder(key, self._owner(key))

    def _owner(self, key: Key) -> str | None:
        """UID of the canary that the objects are of which belong to the target that this one wants."""
        target = self._claims.target(key)
        if target is None:
            return None
        _, place, name = target
        found = (self._assembly.cluster.get(kind, place, f"{name}-primary") for kind in (DEPLOYMENTS, SERVICES))
        return next(filter(None, map(owning_canary, found)), None)

    # -- What is news ----------------------------------------------------------------------------------------------

    def _look(self, key: Key) -> Seen:
        """The canary and what it depends on, as far as there are caches of it."""
        known = {*self._interests.refs(key), *self._declared_target(key)}
        refs = (ref for ref in known if ref[0] in self._watched)
        return look(self._assembly.cluster, [(CANARIES, *key), *refs])

    def _left(self, turn: _Turn) -> Seen:
        """The same as a turn has left it: what others have changed meanwhile is as it was, and so is news."""
        now = self._look(turn.key)
        return after({**now, **turn.before}, now, turn.own)

    # -- Failures --------------------------------------------------------------------------------------------------

    def _slower(self, turn: _Turn, pace: Pace, patience: Patience) -> Pace:
        """Longer pauses each time that it fails, so that what is overloaded can recover."""
        number = declared if patience.for_declarations else whole
        before, left = (number(seen, turn.holder) for seen in (turn.before, self._left(turn)))
        return pace.failed(before, left, patience, self._clock(), spread=_CHANCE.uniform(0.75, 1.0))

    def _failed(self, turn: _Turn, result: str, patience: Patience, *, least_s: float = 0.0) -> Verdict:
        now_s, last = self._clock(), self._last.get(turn.key)
        pace = self._slower(turn, last.pace if last is not None else Pace(), patience)
        pace = evolve(pace, due_s=max(pace.due_s, now_s + least_s))
        self._last[turn.key] = _Last(pace, result)
        return _looked(result, pace.due_s - now_s)

    def _refused(self, turn: _Turn, error: RefusedError) -> Verdict:
        log = _log.bind(canary=f"{turn.key[1]}.{turn.key[0]}", namespace=turn.key[0])
        try:
            if turn.rolling.refused(error):
                log.warning("it cannot be served as it is declared", reason=error.reason, error=error.message)
        except (ConflictError, GoneError):
            return self._failed(turn, "conflict", WITH_CONFLICTS)
        except (UnavailableError, RefusedError) as other:
            log.warning("a problem could not be written into the status", error=str(other), problem=error.message)
        return self._failed(turn, "refused", turn.rolling.patience)

    def _forget(self, key: Key) -> None:
        self._interests.forget(key)
        self._assembly.forget(key)
        self._last.pop(key, None)
        self._refusals.pop(key, None)
