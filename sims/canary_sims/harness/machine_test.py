"""A state machine test of the real driver over a world that misbehaves: Hypothesis looks for a story that breaks it.

Others derive from `RolloutMachine` and give their own ports: `make_ports` is what the driver works with, `make_world`
the truth behind it. The rules act on the world through its back door only.

>>> from canary_sims.harness.machine_test import RolloutMachine
>>> TestRollouts = RolloutMachine.TestCase
"""

from typing import Final

from attrs import define, field
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import SearchStrategy

from canary_core import Approved, HookType, Policy, Refused, Request, Traffic, Unreachable, Verb
from canary_ports import ConflictError, PortError, Ports, UnavailableError
from canary_sims.harness.strategies import policies
from canary_sims.laws.witness import Witness, WorldBackDoor
from canary_sims.world import Autoscaler, Faults, Version, World

__all__ = ["CrashError", "PlannedFault", "RolloutMachine"]

_LONG: Final = 40
"""Intervals in which a world that behaves must have seen the end, at the most steps that `policies` declares."""


class CrashError(Exception):
    """The driver dies here."""


@define
class PlannedFault(Faults):
    """One fault, at a certain call from now on."""

    error: type[Exception] | None = None
    calls: int = 0
    """So many calls go well before."""
    lost_answer: bool = False
    """Whether the call has its effect before it fails."""
    hit: bool = field(default=False, init=False)

    def before(self, call: str) -> None:
        """Fail without effect."""
        if not self.lost_answer:
            self._fail(call)

    def after(self, call: str) -> None:
        """Fail, with the effect."""
        if self.lost_answer:
            self._fail(call)

    def _fail(self, call: str) -> None:
        error = self.error
        if error is None or (call.startswith(("metrics.", "hooks.")) and error is not CrashError):
            return  # these two never raise: that the outside is down is an answer
        if error is ConflictError and (call.endswith(("load", "observe", "read")) or self.lost_answer):
            return
        self.calls -= 1
        if self.calls < 0:
            self.error, self.hit = None, True
            raise error(call)


class RolloutMachine(RuleBasedStateMachine):
    """Revisions, faults, hands, gates, requests and time, in any order; the invariants hold at every instant."""

    def policies(self) -> SearchStrategy[Policy]:
        """The policies to be tried."""
        return policies(hook_kinds=[kind for kind in HookType if kind is not HookType.ROLLBACK])

    def make_world(self, policy: Policy) -> World:
        """The truth."""
        return World(policy=policy, version=Version(revision="v1:a"))

    def make_ports(self, world: World) -> Ports:
        """What the driver works with."""
        return world.ports()

    @initialize(data=st.data())
    def declare(self, data: st.DataObject) -> None:
        """A policy is declared for a service that runs."""
        self.world = self.make_world(data.draw(self.policies()))
        self.world.autoscaler = data.draw(st.none() | st.builds(Autoscaler, fewest=st.integers(1, 4)))
        self.ports = self.make_ports(self.world)
        self.witness = Witness(WorldBackDoor(self.world))
        self.world.observers.append(lambda _: self.witness.look())
        self.fault = PlannedFault()
        self.world.faults = self.fault
        self.revisions = 1
        self.requests = 0
        self.unseen = False

    # -- The driver -------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((60.0, 0.0, 1.0, 30.0, 700.0)))
    def tick(self, seconds: float) -> None:
        """Time passes, and the driver ticks."""
        if seconds:
            self.world.advance(seconds)
        try:
            self.witness.tick(self.ports)
            self.unseen = False
        except (PortError, CrashError):
            self.ports = self.make_ports(self.world)  # it starts again, and remembers nothing

    @rule()
    def autoscale(self) -> None:
        """The primary's autoscaler has its way."""
        world = self.world
        if world.autoscaler is not None and world.primary is not None and world.primary.replicas > 0:
            world.primary.scale(world.autoscaler.kept(world.held), world.now_s)
            world.changed()

    @rule(
        error=st.sampled_from((CrashError, UnavailableError, ConflictError)),
        calls=st.integers(0, 12),
        lost_answer=st.booleans(),
    )
    def plan_fault(self, error: type[Exception], calls: int, *, lost_answer: bool) -> None:
        """Some port call from now on fails, or the driver dies there."""
        self.fault.error, self.fault.calls, self.fault.lost_answer = error, calls, lost_answer

    # -- The user ---------------------------------------------------------------------------------------------------

    @rule(
        error_rate=st.sampled_from((0.0, 0.5)),
        ready_after_s=st.sampled_from((5.0, 0.0, 90.0, None)),
    )
    def declare_new_revision(self, error_rate: float, ready_after_s: float | None) -> None:
        """Good, bad, slow, or never ready."""
        self.revisions += 1
        revision = f"v1:{self.revisions}"
        self.world.declare(Version(revision=revision, error_rate=error_rate, ready_after_s=ready_after_s))

    @precondition(lambda self: self.world.primary is not None)
    @rule()
    def declare_again_what_the_primary_runs(self) -> None:
        """The user goes back."""
        if self.world.primary is not None:
            self.world.declare(self.world.primary.version)

    @rule(verb=st.sampled_from(Verb))
    def ask(self, verb: Verb) -> None:
        """A person asks for something."""
        self.requests += 1
        self.world.request = Request(id=f"r{self.requests}", verb=verb)

    @precondition(lambda self: not self.world.deleting and self.revisions > 2)
    @rule()
    def delete(self) -> None:
        """The object is deleted."""
        self.world.deleting = True

    # -- Other hands ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.world.traffic is not None and not self.unseen)
    @rule(weight=st.integers(0, 100))
    def edit_routes(self, weight: int) -> None:
        """Somebody edits the routes by hand.

        Edited twice before anybody looks, they would show no trace of traffic that was there in between, and nobody
        could drain what he never saw.
        """
        self.unseen = True
        self.world.traffic = Traffic(canary_weight=weight)
        self.world.changed()

    @rule(replicas=st.integers(0, 3))
    def scale_by_hand(self, replicas: int) -> None:
        """Somebody scales the target by hand."""
        if self.world.target is not None:
            self.world.target.scale(replicas, self.world.now_s)
            self.world.changed()

    # -- The world --------------------------------------------------------------------------------------------------

    @rule(primary=st.booleans(), crashing=st.booleans())
    def pods_crash_or_recover(self, *, primary: bool, crashing: bool) -> None:
        """All pods of a workload crash, or recover."""
        deployment = self.world.primary if primary else self.world.target
        if deployment is not None:
            deployment.crashing = crashing
            self.world.changed()

    @rule(error=st.none() | st.just("down"), silent=st.booleans())
    def metrics_fail_or_recover(self, error: str | None, *, silent: bool) -> None:
        """The metric source is down, has no data, or is well again."""
        self.world.source_error, self.world.source_silent = error, silent

    @precondition(lambda self: bool(self.world.policy.hooks))
    @rule(data=st.data(), answer=st.sampled_from((Approved(), Refused(message="no"), Unreachable(message="down"))))
    def hook_changes_its_mind(self, data: st.DataObject, answer: Approved | Refused | Unreachable) -> None:
        """A gate opens or closes."""
        hook = data.draw(st.sampled_from(self.world.policy.hooks))
        self.world.hook_answers[hook.id] = answer

    # -- What holds -------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_broken(self) -> None:
        """The invariants, at every instant since the last rule."""
        witness = getattr(self, "witness", None)
        assert witness is None or not witness.broken, witness.broken

    def teardown(self) -> None:
        """In the end the world behaves, and the rollout has to end."""
        if not hasattr(self, "witness") or self.witness.broken:
            return
        self._behave()
        settled = False
        for _ in range(_LONG):
            self.world.advance(max(self.world.policy.interval_s, self.world.policy.drain_s, 100.0))
            try:
                done = self.witness.tick(self.ports)
            except PortError:
                settled = self.world.gone
                break
            settled = done.next_s is None and done.rollout.settled
            if settled:
                break
        assert not self.witness.broken, self.witness.broken
        assert settled, f"no end: {self.world.rollout}"

    def _behave(self) -> None:
        world = self.world
        self.fault.error = None
        world.source_error, world.source_silent = None, False
        world.hook_answers.clear()
        if world.target is not None:
            world.declare(Version(revision="v1:last"))
        for deployment in (world.target, world.primary):
            if deployment is not None:
                deployment.crashing = False
        asked = world.request is not None and world.request.verb is Verb.PAUSE
        if world.rollout.paused or asked:
            self.requests += 1
            world.request = Request(id=f"r{self.requests}", verb=Verb.RESUME)
        world.changed()
