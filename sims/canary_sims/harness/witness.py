"""Watches a world in which a driver works, and holds every instant against the invariants.

What it needs is a `BackDoor`: a view of the truth, and a way to make things happen, that is not the ports themselves.
`WorldBackDoor` is that of the world in memory. Whoever tests adapters of their own writes another one.
"""

from typing import Protocol

from attrs import define, evolve, field

from canary_core import (
    Answered,
    HookQuestion,
    Measurement,
    MetricQuestion,
    Notice,
    Policy,
    Request,
    Rollout,
    SourceError,
    SourcesOnline,
    SourcesQuestion,
)
from canary_ports import Hooks, MetricSource, Ports, Tick, tick
from canary_sims.harness.invariants import broken
from canary_sims.harness.truth import Acted, Decided, Facts, Pods, Rested, counted, promised
from canary_sims.world import Deployment, HookAnswer, World

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


@define
class Witness:
    """Looks at every instant, and keeps what is broken."""

    behind: BackDoor
    broken: list[str] = field(factory=list)
    heard: list[Answered] = field(factory=list)
    """Answers since the last decision was stored."""
    facts: Facts = field(init=False)
    rollout: Rollout = field(init=False)
    routed_s: float = field(init=False)
    """Since when the present routes are in force."""
    written: int = field(init=False)
    quiet: tuple[Facts, Request | None] | None = field(default=None, init=False)
    """The world as the last tick left it, if it left nothing to be done."""

    def __attrs_post_init__(self) -> None:
        facts = self.behind.facts()
        good = frozenset({facts.target.declared}) if facts.target is not None else frozenset()
        self.facts = evolve(facts, good=good)
        self.rollout = self.behind.rollout()
        self.routed_s = self.behind.now_s()
        self.written = self.behind.writes()

    def look(self) -> None:
        """Compare the present instant with the one before, and hold what happened against the invariants."""
        rollout, ours = self.behind.rollout(), self.behind.writes() > self.written
        self.written = self.behind.writes()
        if rollout != self.rollout:
            self._decided(rollout)
        before = self._present(self.facts)
        after = self._present(self.behind.facts())
        if after.routes != before.routes:
            self.routed_s = self.behind.now_s()
            after = evolve(after, in_force_s=0.0)
        if ours and after != before:
            event = Acted(policy=self.behind.policy(), rollout=self.rollout, before=before, after=after)
            self.broken += broken(event)
        self.facts = after

    def _present(self, facts: Facts) -> Facts:
        """Facts with their history up to now."""
        old = self.facts
        in_force_s = self.behind.now_s() - self.routed_s
        return evolve(facts, in_force_s=in_force_s, good=old.good, failures=old.failures)

    def _decided(self, rollout: Rollout) -> None:
        facts, policy, answers = self._present(self.facts), self.behind.policy(), tuple(self.heard)
        before, self.rollout = self.rollout, rollout
        self.heard.clear()
        event = Decided(policy=policy, before=before, after=rollout, answers=answers, notices=(), facts=facts)
        self.broken += broken(event)
        self.facts = evolve(
            facts,
            failures=counted(policy, facts, before, rollout, answers),
            good=promised(facts, before, rollout),
        )

    def tick(self, ports: Ports) -> Tick:
        """One tick over ports, watched.

        Raises:
            PortError: As the driver does.
        """
        self.look()
        self.facts = evolve(self.facts, good=promised(self.facts, self.rollout, self.rollout))
        self.heard.clear()
        idle = self.quiet is not None and self.quiet == self._timeless()
        self.quiet = None
        written = self.behind.writes()
        heard: list[Answered] = []
        metrics, hooks = _Metrics(ports.metrics, self.heard), _Hooks(ports.hooks, self.heard)
        done = tick(evolve(ports, metrics=metrics, hooks=hooks))
        heard += done.answers
        self.look()
        event = Rested(
            policy=self.behind.policy(),
            rollout=self.rollout,
            facts=self.facts,
            idle=idle,
            asked=len(heard),
            changes=self.behind.writes() - written,
        )
        self.broken += broken(event)
        if done.next_s is None and done.rollout.settled:
            self.quiet = self._timeless()
        return done

    def _timeless(self) -> tuple[Facts, Request | None]:
        return evolve(self.facts, in_force_s=0.0), self.behind.request()
