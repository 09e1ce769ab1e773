"""Planted bugs of the driver: in which order, on what knowledge, and what of failures."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final
from unittest import mock

from canary_core import Observation, Rollout, Step
from canary_ports import ConflictError, Ports, Tick, UnavailableError, Workloads, driver
from planted_bugs.planting import whole_driver


def _rounds(
    ports: Ports,
    carry_out: Callable[[Ports, Step, Rollout, str], None],
    look: Callable[[Ports], Workloads] = lambda ports: ports.workload.observe(),
) -> Tick:
    """A driver whose writes are somebody else's business, and whose view can be spoilt."""
    steps: list[Step] = []
    while True:
        stored = ports.store.load()
        workloads = look(ports)
        seen = Observation(
            now_s=ports.clock.now_s(),
            canary=workloads.canary,
            primary=workloads.primary,
            routes=ports.router.read(),
            request=stored.request,
            deleting=stored.deleting,
        )
        decided, answers = driver._decide(ports, stored.policy, stored.rollout, seen, map)
        carry_out(ports, decided, stored.rollout, stored.version)
        begun = driver._from_now(ports, decided, seen.now_s)
        if begun is not decided:
            with suppress(ConflictError):
                ports.store.save(begun.rollout, ports.store.load().version)
        steps.append(decided)
        again = decided.next_s is not None and decided.next_s <= seen.now_s
        if not again or len(steps) >= driver.MAX_PASSES:
            return Tick(rollout=decided.rollout, steps=tuple(steps), answers=answers, next_s=decided.next_s)


def _save(ports: Ports, decided: Step, before: Rollout, version: str) -> None:
    if decided.rollout != before:
        ports.store.save(decided.rollout, version)


def _act(ports: Ports, decided: Step) -> None:
    for decision in decided.decisions:
        driver._act(ports, decision)


def _tell(ports: Ports, decided: Step) -> None:
    for notice in decided.notices:
        ports.notifier.tell(notice, decided.rollout)


@whole_driver("fluxcd/flagger#1898")
def saves_after_acting(ports: Ports) -> Tick:
    """What was done is written down afterwards, so that a crash in between forgets it."""

    def carry_out(ports: Ports, decided: Step, before: Rollout, version: str) -> None:
        _act(ports, decided)
        _save(ports, decided, before, version)
        _tell(ports, decided)

    return _rounds(ports, carry_out)


@whole_driver("fluxcd/flagger#1515")
def tells_before_saving(ports: Ports) -> Tick:
    """People are told of what may never be stored."""

    def carry_out(ports: Ports, decided: Step, before: Rollout, version: str) -> None:
        _tell(ports, decided)
        _save(ports, decided, before, version)
        _act(ports, decided)

    return _rounds(ports, carry_out)


@whole_driver("argoproj/argo-rollouts#4073")
def goes_on_after_a_conflict(ports: Ports) -> Tick:
    """Somebody else has written, but what was decided is done all the same."""

    def carry_out(ports: Ports, decided: Step, before: Rollout, version: str) -> None:
        with suppress(ConflictError):
            _save(ports, decided, before, version)
        _act(ports, decided)
        _tell(ports, decided)

    return _rounds(ports, carry_out)


@whole_driver("argoproj/argo-rollouts#2117")
def overwrites_what_others_saved(ports: Ports) -> Tick:
    """A conflict is answered by taking the newest version and writing the same again."""

    def carry_out(ports: Ports, decided: Step, before: Rollout, version: str) -> None:
        try:
            _save(ports, decided, before, version)
        except ConflictError:
            _save(ports, decided, before, ports.store.load().version)
        _act(ports, decided)
        _tell(ports, decided)

    return _rounds(ports, carry_out)


@whole_driver("argoproj/argo-rollouts#4842")
def takes_an_unknown_save_for_done(ports: Ports) -> Tick:
    """No answer counts as a good answer."""

    def carry_out(ports: Ports, decided: Step, before: Rollout, version: str) -> None:
        with suppress(UnavailableError):
            _save(ports, decided, before, version)
        _act(ports, decided)
        _tell(ports, decided)

    return _rounds(ports, carry_out)


@whole_driver()
def does_not_look_whether_somebody_went_on(ports: Ports) -> Tick:
    """A state that does not change is acted on without asking whether it is still the one that is stored."""

    def carry_out(ports: Ports, decided: Step, before: Rollout, version: str) -> None:
        _save(ports, decided, before, version)
        _act(ports, decided)
        _tell(ports, decided)

    return _rounds(ports, carry_out)


@whole_driver()
def measures_from_the_decision_on(ports: Ports) -> Tick:
    """That a weight came into force late is not taken into account."""
    with mock.patch.object(driver, "PROMPT_S", 1e9):
        return driver.tick(ports)


@whole_driver("argoproj/argo-rollouts#4842", "argoproj/argo-rollouts#3316")
def acts_on_a_stale_cache(ports: Ports) -> Tick:
    """The workloads are looked at once, and then again only after the next restart."""

    def look(ports: Ports) -> Workloads:
        cached = _CACHE.get(id(ports.notifier))
        if cached is None:
            cached = ports.workload.observe()
            _CACHE.clear()
            _CACHE[id(ports.notifier)] = cached
        return cached

    def carry_out(ports: Ports, decided: Step, before: Rollout, version: str) -> None:
        _save(ports, decided, before, version)
        _act(ports, decided)
        _tell(ports, decided)

    return _rounds(ports, carry_out, look)


_CACHE: Final[dict[int, Workloads]] = {}


@whole_driver("fluxcd/flagger#1819")
def acts_only_on_changes(ports: Ports) -> Tick:
    """Edge-triggered: what was not done when it was decided is never done."""

    def carry_out(ports: Ports, decided: Step, before: Rollout, version: str) -> None:
        _save(ports, decided, before, version)
        if decided.rollout.but(since_s=0.0, kept_s=0.0) != before.but(since_s=0.0, kept_s=0.0):
            _act(ports, decided)
        _tell(ports, decided)

    return _rounds(ports, carry_out)
