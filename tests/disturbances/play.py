"""Plays a disturbance at a moment, in a namespace of its own, and makes a record of what came of it."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

from attrs import define, evolve, field

from disturbances.disturbance import Claim, Disturbance, Moment, Record
from disturbances.door import MOST, Door
from disturbances.outside import BAD
from disturbances.place import Place
from disturbances.world import World
from laboratories.lab import REAL

__all__ = ["Cell", "play", "played", "runs_of"]

REACH_S: Final = 60.0
DEADLINE_S: Final = 15.0
"""For what is to happen while a disturbance lasts; the Canary's own deadline is shorter."""
END_S: Final = 60.0 if REAL else 20.0
"""For what is to happen in the end. A real control plane has the machine as well, and takes its time."""
QUIET_S: Final = 1.0
"""Nothing is lost for so long: it is over."""
_BEYOND: Final = frozenset({"Promoting", "Finalising", "Succeeded"})
"""Phases in which there is nothing to abort any more."""
_STEPS: Final = (30, 60)
_LONG: Final = (30, 40, 50, 60)

Cell: TypeAlias = tuple[Disturbance, Moment]


class Run(enum.Enum):
    """What is claimed of the time in which the disturbance lasts."""

    JUDGED = "the canary is bad"
    ABORTED = "a person aborts"


def played(world: World, cells: Iterable[Cell], *, told: Callable[[], None] = lambda: None) -> Mapping[Cell, Record]:
    """Play cells side by side.

    Args:
        world: Where. A controller serves it, or those have their own who need one.
        cells: What.
        told: Called at the end of each run, by whichever thread has played it.
    """
    runs = [(cell, run) for cell in cells for run in runs_of(*cell)]
    door = Door()

    def play_in_turn(each: tuple[Cell, Run]) -> Record:
        (disturbance, moment), run = each
        with door.entered():
            record = play(world, disturbance, moment, run, settled=door.took)
        told()
        return record

    with ThreadPoolExecutor(MOST, thread_name_prefix="cell") as pool:
        found = list(pool.map(play_in_turn, runs))
    records: dict[Cell, Record] = {}
    for (cell, _), record in zip(runs, found, strict=True):
        records[cell] = _joined(records[cell], record) if cell in records else record
    return records


def runs_of(disturbance: Disturbance, moment: Moment) -> tuple[Run, ...]:
    """A canary that was rolled back for its errors cannot be aborted: at a weight, the two are played apart."""
    is_judged = moment is Moment.WEIGHT and disturbance.is_judged
    return (Run.JUDGED, Run.ABORTED) if is_judged else (Run.ABORTED,)


def _joined(one: Record, other: Record) -> Record:
    return evolve(
        one,
        lost=one.lost + other.lost,
        longest_s=max(one.longest_s, other.longest_s),
        failed=tuple(claim for claim in Claim if claim in {*one.failed, *other.failed}),
        story=(*one.story, *other.story),
    )


def play(
    world: World, disturbance: Disturbance, moment: Moment, run: Run, *, settled: Callable[[float], None]
) -> Record:
    """Play one of them, from a new namespace to its end.

    Args:
        world: Where.
        disturbance: What.
        moment: When.
        run: What is claimed.
        settled: Told how long it took until the application was initialised, seconds.
    """
    weights = _LONG if run is Run.ABORTED and moment is Moment.WEIGHT else _STEPS
    place = Place(world, world.namespace(), disturbance.setup, weights)
    played = _Played(place)
    try:
        place.deploy()
        begun_s = time.monotonic()
        reached = played.note(Claim.REACHED, lambda: _settle(place))
        settled(time.monotonic() - begun_s)
        reached = reached and played.note(Claim.REACHED, lambda: _REACHING[moment](place))
        tally = place.measure()
        if reached:
            played.play(disturbance, run, moment)
        return Record(
            disturbance=disturbance.name,
            moment=moment,
            lost=tally.lost,
            longest_s=tally.longest_s,
            failed=tuple(played.failed),
            story=(f"{run.value}:", *played.story, f"in the end {place.phase}, {place.condition}"),
        )
    finally:
        place.forget()


@define
class _Played:
    """From the disturbance on."""

    place: Place
    failed: list[Claim] = field(factory=list)
    story: list[str] = field(factory=list)

    def play(self, disturbance: Disturbance, run: Run, moment: Moment) -> None:
        place = self.place
        routed = moment is Moment.WEIGHT and disturbance.is_judged
        if run is Run.JUDGED:
            place.monitor(BAD)
        undo = disturbance.do(place)
        if not disturbance.is_deaf:
            self._while_it_lasts(run, routed=routed)
        if undo is not None:
            self._last(disturbance.hold_s)
            undo()
        if disturbance.is_deaf:
            self._while_it_lasts(run, routed=routed)
        self.claim(Claim.SERVED, self._is_quiet, DEADLINE_S if undo is None else END_S)
        place.monitor()
        place.revise("v3")
        self.claim(Claim.NEXT_IS_PROMOTED, self._is_promoted, END_S)
        self.claim(Claim.SERVED, self._is_quiet, DEADLINE_S)

    def _last(self, seconds: float) -> None:
        self.place.until(lambda: False, seconds)

    def _while_it_lasts(self, run: Run, *, routed: bool) -> None:
        place = self.place
        if run is Run.JUDGED:
            self.claim(Claim.BAD_IS_OUT, lambda: place.unproven == 0, DEADLINE_S)
            return
        place.ask("abort/1")
        heard = self.claim(Claim.ABORT_IS_OBEYED, lambda: place.heard == "abort/1", DEADLINE_S)
        if routed and heard and place.phase not in _BEYOND:  # one that is alone in traffic is soon promoted
            self.claim(Claim.ABORT_IS_OBEYED, lambda: place.unproven == 0, DEADLINE_S)

    def claim(self, claim: Claim, true: Callable[[], bool], seconds: float) -> bool:
        """Wait for something, and note whether it comes."""
        return self.note(claim, lambda: self.place.until(true, seconds))

    def note(self, claim: Claim, true: Callable[[], bool]) -> bool:
        """Note whether a claim is true, and how long that took."""
        begun_s = self.place.world.meter.seconds
        holds = true()
        took_s = self.place.world.meter.seconds - begun_s
        self.story.append(f"{'' if holds else 'NOT '}{claim.name} after {took_s:.1f} s")
        if not holds and claim not in self.failed:
            self.failed.append(claim)
        return holds

    def _is_quiet(self) -> bool:
        return self.place.tally.quiet_s >= QUIET_S

    def _is_promoted(self) -> bool:
        place = self.place
        done = place.phase in {"Succeeded", "Initialized"} and place.version(f"{place.target}-primary") == "v3"
        return done and place.share("v3") == 100.0 and place.replicas(place.target) == 0


# -- Moments --------------------------------------------------------------------------------------------------------


def _settle(place: Place) -> bool:
    return place.until(lambda: place.phase == "Initialized" and place.replicas(place.target) == 0, REACH_S)


def _begin(place: Place) -> bool:
    place.revise("v2")
    if place.setup.is_meshed:
        return place.until(lambda: place.share("v2") > 0, REACH_S)
    return place.until(lambda: place.phase == "Progressing", REACH_S)


def _promote(place: Place) -> bool:
    return _begin(place) and place.until(lambda: place.phase == "Promoting", REACH_S)


def _fail(place: Place) -> bool:
    place.monitor(BAD)
    failed = _begin(place) and place.until(
        lambda: place.phase == "Failed" and place.replicas(place.target) == 0, REACH_S
    )
    place.monitor()
    return failed


_REACHING: Final[Mapping[Moment, Callable[[Place], bool]]] = {
    Moment.SETTLED: lambda _: True,
    Moment.WEIGHT: _begin,
    Moment.PROMOTING: _promote,
    Moment.FAILED: _fail,
}
