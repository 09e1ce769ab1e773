"""Watches a world in which a driver works, and holds every instant against the invariants.

What it needs is a `BackDoor`: a view of the truth, and a way to make things happen, that is not the ports themselves.
`WorldBackDoor` is that of the world in memory. Whoever tests adapters of their own writes another one.
"""

from collections.abc import Callable
from typing import Final, Protocol

from attrs import define, evolve, field, frozen

from canary_core import (
    Answered,
    HookQuestion,
    Measurement,
    MetricQuestion,
    Notice,
    Phase,
    Policy,
    Request,
    Rollout,
    SourceError,
    SourcesOnline,
    SourcesQuestion,
)
from canary_ports import Hooks, MetricSource, Ports, Tick, tick
from canary_sims.laws.invariants import broken
from canary_sims.laws.truth import (
    UNDER_WAY,
    Acted,
    Decided,
    Event,
    Facts,
    Pods,
    Rested,
    Scaler,
    counted,
    had,
    promised,
)
from canary_sims.world import Deployment, HookAnswer, World
from canary_sims.world.traffic import share

__all__ = ["BackDoor", "Witness", "WorldBackDoor"]


class BackDoor(Protocol):
    """The truth behind some ports. Whoever implements it calls `Witness.look` after each change of it."""

    def policy(self) -> Policy:
        """What is declared about the rollout."""
        ...

    def rollout(self) -> Rollout:
        """As it is stored."""
        ...

    def facts(self) -> Facts:
        """The world as it is, without its history: that is the witness's business."""
        ...

    def request(self) -> Request | None:
        """What a person asks for."""
        ...

    def now_s(self) -> float:
        """The present time."""
        ...

    def writes(self) -> int:
        """How many changes have come through the ports, ever."""
        ...


@define
class WorldBackDoor:
    """The truth of a world in memory."""

    world: World

    def policy(self) -> Policy:
        """What is declared about the rollout."""
        return self.world.policy

    def rollout(self) -> Rollout:
        """As it is stored."""
        return self.world.rollout

    def request(self) -> Request | None:
        """What a person asks for."""
        return self.world.request

    def now_s(self) -> float:
        """The present time."""
        return self.world.now_s

    def writes(self) -> int:
        """How many changes have come through the ports, ever."""
        return len(self.world.writes)

    def facts(self) -> Facts:
        """The world as it is."""
        world = self.world
        return Facts(
            target=self._pods(world.target),
            primary=self._pods(world.primary),
            routes=world.traffic,
            deleting=world.deleting,
            gone=world.gone,
            scaler=self._scaler(),
        )

    def _scaler(self) -> Scaler | None:
        declared, held = self.world.autoscaler, self.world.held
        if declared is None:
            return None
        rate = self.world.rate
        own = rate * share(self.world.traffic, matched_share=self.world.matched_share)[0]
        return Scaler(
            kept=declared.kept(held),
            most=declared.most,
            held=held,
            declared=declared.kept(None),
            own=declared.needed(own),
            needed=declared.needed(rate),
        )

    def _pods(self, deployment: Deployment | None) -> Pods | None:
        if deployment is None:
            return None
        serving = deployment.serving(self.world.now_s)
        return Pods(
            declared=deployment.version.revision,
            asked=deployment.replicas,
            serving=serving.revision if serving is not None else None,
            whole=deployment.is_up(self.world.now_s),
            reachable=deployment.reachable,
            ready=deployment.available(self.world.now_s) if self.world.autoscaler is not None else 0,
        )


@define
class _Metrics:
    inner: MetricSource
    heard: list[Answered]

    def measure(self, question: MetricQuestion) -> Measurement:
        answer = self.inner.measure(question)
        self.heard.append(Answered(question=question, answer=answer))
        return answer

    def online(self) -> SourcesOnline | SourceError:
        answer: SourcesOnline | SourceError = self.inner.online()
        self.heard.append(Answered(question=SourcesQuestion(), answer=answer))
        return answer


@define
class _Hooks:
    inner: Hooks
    heard: list[Answered]

    def tell(self, hook: str, notice: Notice) -> None:
        self.inner.tell(hook, notice)

    def ask(self, question: HookQuestion) -> HookAnswer:
        answer: HookAnswer = self.inner.ask(question)
        self.heard.append(Answered(question=question, answer=answer))
        return answer


_ALWAYS: Final = ("invariant 1,",)
_WHATEVER_IS_KNOWN: Final = ("invariant 1,", "invariant 9,")
"""What holds whatever its author knew of the world."""


@frozen
class Known:
    """What was known when a call was made whose effect comes later."""

    heard: tuple[Answered, ...]
    facts: Facts
    at_s: float
    misled: bool
    """Whether what was gone by then was not, or no longer, the case."""


@define
class Witness:
    """Looks at every instant, and keeps what is broken."""

    behind: BackDoor
    broken: list[str] = field(factory=list)
    heard: list[Answered] = field(factory=list)
    """Answers since the last decision was stored."""
    raw: Facts = field(init=False)
    """The world as it was last seen, without its history."""
    facts: Facts = field(init=False)
    """The same with its history."""
    rollout: Rollout = field(init=False)
    routed_s: float = field(init=False)
    """Since when the present routes are in force."""
    written: int = field(init=False)
    promoting_s: float = field(init=False)
    """When the tick began that decided on the present promotion: to save that may have taken long."""
    begun_s: float = field(default=0.0, init=False)
    """When the present tick began."""
    quiet: tuple[Facts, Rollout, Request | None] | None = field(default=None, init=False)
    """The world as the last tick left it, if it left nothing to be done."""
    idle: bool = field(default=False, init=False)
    """Whether nothing was to be done when the present tick began."""
    misled: bool = field(default=False, init=False)
    """Whether what the present tick goes by is not, or no longer, the case: it was shown something old, or the world
    has changed since it looked. What it does then says nothing of how it decides."""
    disturbed: bool = field(default=False, init=False)
    """Whether anything but the present tick itself has changed anything in its course."""
    deposed: bool = False
    """Whether another controller has been at work in the course of the present tick, and something else went wrong,
    too: what is left then is to be put right by the next one."""
    late: Known | None = field(default=None, init=False)
    """If the effect of an earlier call arrives just now: what was known when that was made."""
    slack_s: float = field(default=0.0, kw_only=True)
    """How much shorter than an interval a measurement may be."""

    def __attrs_post_init__(self) -> None:
        facts = self.behind.facts()
        good = frozenset({facts.target.declared}) if facts.target is not None else frozenset()
        self.raw, self.facts = facts, evolve(facts, good=good)
        self.rollout = self.behind.rollout()
        self.routed_s = self.promoting_s = self.behind.now_s()
        self.written = self.behind.writes()

    def look(self) -> None:
        """Compare the present instant with the one before, and hold what happened against the invariants."""
        rollout, written, raw = self.behind.rollout(), self.behind.writes(), self.behind.facts()
        ours, self.written = written > self.written, written
        saved = rollout is not self.rollout and rollout != self.rollout
        self.disturbed = self.disturbed or self.late is not None
        if not saved and raw == self.raw:
            return  # the most common case by far
        if saved:
            self._decided(rollout)
        before = self._present(self.raw)
        if raw.routes != self.raw.routes:
            # One that arrives after its caller gave up counts from when it was sent: nobody can know better.
            self.routed_s = self.behind.now_s() if self.late is None else self.late.at_s
        after = self._present(raw)
        if ours and raw != self.raw:
            self._hold(Acted(policy=self.behind.policy(), rollout=self.rollout, before=before, after=after))
        elif raw != self.raw:
            self.disturbed = self.misled = True
        self.misled = self.misled or self.late is not None
        self.raw, self.facts = raw, after

    def _hold(self, event: Event) -> None:
        """Hold an event against the invariants, as far as its author could know what the case was."""
        if self.deposed or (self.late is not None and not isinstance(event, Decided)):
            certain: tuple[str, ...] = _ALWAYS
        else:
            certain = _WHATEVER_IS_KNOWN if self._is_misled() else ("",)
        self.broken += [each for each in broken(event) if each.startswith(certain)]

    def _is_misled(self) -> bool:
        """Whether the author of what happens now is; of an effect that arrives late, whether it was when it called."""
        return self.misled or (self.late is not None and self.late.misled)

    def _present(self, raw: Facts) -> Facts:
        """Facts with their history up to now."""
        old = self.facts
        return Facts(
            target=raw.target,
            primary=raw.primary,
            routes=raw.routes,
            in_force_s=self.behind.now_s() - self.routed_s + self.slack_s,
            good=old.good,
            failures=old.failures,
            deleting=raw.deleting,
            gone=raw.gone,
            scaler=raw.scaler,
            had=old.had,
            promoting_s=self.behind.now_s() - self.promoting_s,
        )

    def _decided(self, rollout: Rollout) -> None:
        present, policy = self._present(self.raw), self.behind.policy()
        answers, facts = (tuple(self.heard), present) if self.late is None else (self.late.heard, self.late.facts)
        before, self.rollout = self.rollout, rollout
        self.heard.clear()
        self._hold(Decided(policy=policy, before=before, after=rollout, answers=answers, notices=(), facts=facts))
        if rollout.phase is Phase.PROMOTING and before.phase is not Phase.PROMOTING:
            self.promoting_s = self.begun_s if self.late is None else self.late.at_s
        self.facts = evolve(
            present,
            failures=counted(policy, facts, before, rollout, answers),
            good=promised(facts, before, rollout),
            had=0 if self._is_misled() and before.phase not in UNDER_WAY else had(facts, before, rollout),
        )

    def tick(self, ports: Ports, driver: Callable[[Ports], Tick] = tick) -> Tick:
        """One tick over ports, watched. Another one may be going on: then this is that of a second controller.

        Args:
            ports: What the driver works with.
            driver: What a tick is; tests pass others.

        Raises:
            PortError: As the driver does.
        """
        self.look()
        self.facts = evolve(self.facts, good=promised(self.facts, self.rollout, self.rollout))
        outer = (self.heard, self.idle, self.misled, self.begun_s)
        self.begun_s = self.behind.now_s()
        self.heard, self.misled, self.disturbed, self.deposed = [], False, False, False
        try:
            return self._tick(ports, driver)
        finally:
            self.heard, self.idle, self.misled, self.begun_s = outer
            self.disturbed = True  # of the tick that this one came in the course of, if any

    def known(self) -> Known:
        """What is known just now, for `late`."""
        return Known(tuple(self.heard), self._present(self.raw), self.behind.now_s(), self.misled)

    def _tick(self, ports: Ports, driver: Callable[[Ports], Tick]) -> Tick:
        self.idle = self.quiet is not None and self.quiet == self._timeless()
        self.quiet = None
        written, request = self.behind.writes(), self.behind.request()
        metrics, hooks = _Metrics(ports.metrics, self.heard), _Hooks(ports.hooks, self.heard)
        done = driver(evolve(ports, metrics=metrics, hooks=hooks))
        self.look()
        self.disturbed = self.disturbed or self.behind.request() != request
        event = Rested(
            policy=self.behind.policy(),
            rollout=self.rollout,
            facts=self._present(self.raw),
            idle=self.idle and not self.disturbed,
            asked=len(done.answers),
            changes=self.behind.writes() - written,
            now_s=self.begun_s,
            quiet=done.next_s is None and done.rollout.settled and not (self.disturbed or self.misled),
        )
        self._hold(event)
        if event.quiet:
            self.quiet = self._timeless()
        return done

    def _timeless(self) -> tuple[Facts, Rollout, Request | None]:
        return evolve(self.facts, in_force_s=0.0, promoting_s=0.0), self.rollout, self.behind.request()
