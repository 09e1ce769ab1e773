"""What all canaries share, and from it the ports of one canary for one tick."""

import threading
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import chain

import structlog

from canary_adapters.background import Background
from canary_adapters.controller.interests import Key
from canary_adapters.controller.measuring import metric_source
from canary_adapters.controller.options import Options
from canary_adapters.controller.pacing import Patience, patience_with_refusals
from canary_adapters.controller.registry import Registry
from canary_adapters.controller.rehearsals import Rehearsals, Version, rehearsed
from canary_adapters.extensions import Given, GivesWay, Objects
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.dry_run import Heard
from canary_adapters.kubernetes.events import EventNotifier, EventRecorder
from canary_adapters.kubernetes.mistakes import check_served
from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.references import References
from canary_adapters.kubernetes.rehearsal import Rehearsed
from canary_adapters.kubernetes.resources import Obj, Ref
from canary_adapters.kubernetes.store import CanaryReader, CanaryStore, Definition, Loaded, Problem, unanswered
from canary_adapters.kubernetes.store.record import CHECKED, written_round
from canary_adapters.kubernetes.workload import ConfigDigests, Fingerprints, Troubles, workload_port
from canary_adapters.manifests import Canary, provider_of
from canary_adapters.telemetry import LogNotifier, Telemetry, TelemetryNotifier
from canary_adapters.webhook import EventWebhook, HttpPool, WebhookHooks
from canary_core import (
    HookType,
    Measurement,
    MetricQuestion,
    Notice,
    Obstacle,
    Policy,
    Rollout,
    SourceError,
    SourcesOnline,
)
from canary_core.messages import Names
from canary_ports import (
    Attempt,
    Clock,
    MetricSource,
    Notifier,
    Ports,
    RefusedError,
    Tick,
    UnavailableError,
    WorkloadPort,
)

__all__ = ["Assembly", "Rolling", "own_version"]

_log = structlog.get_logger("canary.controller")


class Assembly:
    """What all canaries share."""

    def __init__(self, options: Options, cluster: Cluster, clock: Clock, registry: Registry, *, telling: Api) -> None:
        """Makes it; background threads begin.

        Args:
            options: The flags.
            cluster: Reads and writes.
            clock: Wall-clock time.
            registry: What serves canaries.
            telling: Sends events.
        """
        self.options, self.cluster, self.clock, self.registry = options, cluster, clock, registry
        self.telemetry = Telemetry(version=own_version(), mesh_provider=options.mesh_provider)
        self.reader = CanaryReader(
            mesh_provider=options.mesh_provider, minimum_interval_s=options.minimum_interval_s, check=self._served
        )
        self.definition = Definition()
        self.digests = ConfigDigests(cluster)
        self.fingerprints = Fingerprints(self.digests, track_configs=options.objects.track_configs)
        self.troubles = Troubles(cluster, clock)
        self.recorder = EventRecorder(telling, now_s=clock.now_s)
        self.background = Background()
        self.rehearsals = Rehearsals(clock.now_s)
        self.http, self.references = HttpPool(denied=options.denied_addresses), References(cluster)
        self._lock = threading.Lock()
        self._names: dict[Key, Names] = {}
        self._counts: Counter[str] = Counter()

    def rolling(self, obj: Obj) -> "Rolling":
        """One canary, for one tick."""
        return Rolling(self, obj)

    def refs(self, canary: Canary) -> Iterator[Ref]:
        """The objects that a canary depends on, as far as the Canary itself names them."""
        return self.registry.refs(canary, mesh_provider=self.options.mesh_provider)

    def _served(self, canary: Canary) -> None:
        """Refuse what is well formed, but not served.

        Raises:
            RefusedError: With the field, its value and what is allowed.
        """
        check_served(canary, self.registry.served, mesh_provider=self.options.mesh_provider)
        if self.options.no_cross_namespace_refs:
            _check_receivers(canary)

    def remember(self, key: Key, names: Names) -> None:
        """How the objects of a canary are called, for when it is gone."""
        with self._lock:
            before = self._names.get(key)
            self._names[key] = names
            if before is None:
                self._counts[key[0]] += 1
                self.telemetry.total(key[0], self._counts[key[0]])
        if before is not None and before.target != names.target:
            self._forget_target(before)

    def forget(self, key: Key) -> None:
        """A canary is gone."""
        self.reader.forget(*key)
        self.rehearsals.forget(key)
        self.recorder.forget(*key)
        self.definition.forget(*key)
        with self._lock:
            names = self._names.pop(key, None)
            if names is None:
                return
            left = self._counts.pop(key[0]) - 1
            if left:
                self._counts[key[0]] = left
            self.telemetry.total(key[0], left)
        self._forget_target(names)

    def _forget_target(self, names: Names) -> None:
        self.telemetry.forget(names)
        for name in (names.target, f"{names.target}-primary"):
            self.fingerprints.forget(names.namespace, name)

    def close(self, timeout_s: float) -> None:
        """Tell what is still to be told, and close all connections."""
        self.recorder.close(timeout_s)
        self.background.close(timeout_s)
        self.http.close()
        self.registry.close()


class Rolling:
    """One canary, for one tick."""

    def __init__(self, shared: Assembly, obj: Obj) -> None:
        self._shared, self._obj = shared, obj
        metadata = obj["metadata"]
        self._store = CanaryStore(
            shared.cluster,
            metadata["namespace"],
            metadata["name"],
            reader=shared.reader,
            clock=shared.clock,
            definition=shared.definition,
            rehearse=self._rehearse,
            ready_while_progressing=shared.options.ready_while_progressing,
        )
        self._judged = False

    @property
    def patience(self) -> Patience:
        """With what is refused of this rollout."""
        policy = self._store.policy
        if policy is None:
            return patience_with_refusals(0.0)
        return patience_with_refusals(policy.interval_s, policy.progress_deadline_s)

    @property
    def deleting(self) -> bool:
        """Whether the canary is being deleted and waits for us."""
        return self._store.deleting

    def prepare(self) -> Canary:
        """Read what is declared, and have the finalizer as declared.

        Raises:
            RefusedError: It has mistakes.
        """
        canary = self._store.declared().canary
        moved = self._store.moved
        if moved is not None:
            self._shared.recorder.record(self._obj, moved, warning=True)
        self._store.ensure_finalizer()
        return canary

    def let_go_if_deleting(self) -> bool:
        """Let go of a canary that is being deleted and of which nothing can be read, not even what to undo."""
        if not self._store.deleting:
            return False
        self._store.release()
        return True

    def ports(self, attempt: Attempt) -> Ports:
        """The outside of this rollout.

        Args:
            attempt: How decisions are carried out.

        Raises:
            RefusedError: Something is declared that is not served.
        """
        shared, options = self._shared, self._shared.options
        loaded = self._store.declared()
        canary = loaded.canary
        names = _names_of(canary)
        shared.remember((canary.namespace, canary.name), names)
        given = self._given(loaded)
        extension = shared.registry.router(provider_of(canary, options.mesh_provider))
        metrics = metric_source(given, shared.registry.metrics)
        workload = workload_port(
            shared.cluster,
            canary,
            options.objects,
            shared.fingerprints,
            former=self._store.former,
            troubles=shared.troubles,
        )

        router = extension.make(given)
        self._store.flowing = router.read
        if isinstance(router, GivesWay):
            router.give_way()

        def obstacles() -> tuple[Obstacle, ...]:
            declared = (self._store.problem,) if self._store.problem is not None else ()
            objection = router.objection() if isinstance(router, Objects) else None
            routed = (objection.as_obstacle(),) if objection is not None else self._unrehearsed(loaded, workload)
            found = (each.obstacles(given) for each in (extension, *shared.registry.metrics.values()))
            return (*declared, *routed, *workload.obstacles(), *chain.from_iterable(found))

        return Ports(
            workload=workload,
            router=router,
            metrics=_Watched(metrics, shared.telemetry, names, loaded.policy, self),
            hooks=WebhookHooks(
                canary,
                names=names,
                rollout=lambda: self._store.rollout,
                pool=shared.http,
                background=shared.background,
                now_s=shared.clock.now_s,
            ),
            store=self._store,
            notifier=_Several(self._notifiers(given)),
            clock=shared.clock,
            obstacles=obstacles,
            attempt=attempt,
        )

    def _given(self, loaded: Loaded) -> Given:
        shared, canary = self._shared, loaded.canary
        return Given(
            cluster=shared.cluster,
            canary=canary,
            policy=loaded.policy,
            names=_names_of(canary),
            options=shared.options,
            references=shared.references,
            http=shared.http,
            background=shared.background,
        )

    # -- Rehearsal --------------------------------------------------------------------------------------------------

    def _rehearse(self, obj: Obj, loaded: Loaded, *, is_gone_by: bool) -> None:
        """Look at a generation at once, but for one that was in force when this process began: that can wait."""
        key, version = _version(obj)
        if is_gone_by and not self._shared.rehearsals.knows(key, version):
            return
        refusal = self._shared.rehearsals.refusal(key, version, lambda heard: self._tried(loaded, heard))
        if refusal is not None:
            raise refusal

    def _tried(self, loaded: Loaded, heard: Heard) -> Rehearsed:
        router = self._shared.registry.router(provider_of(loaded.canary, self._shared.options.mesh_provider))
        return rehearsed(router, self._given(loaded), heard)

    def _unrehearsed(self, loaded: Loaded, workload: WorkloadPort) -> tuple[Obstacle, ...]:
        """What is found with a generation that could wait, now that a new revision is to begin."""
        if self._store.problem is not None or self._store.deleting:
            return ()
        if not self._shared.rehearsals.knows(*_version(self._obj)):
            canary, rollout = workload.observe().canary, self._store.rollout
            if canary is None or canary.revision in {None, rollout.applied, rollout.promoted}:
                return ()
        try:
            self._rehearse(self._obj, loaded, is_gone_by=False)
        except RefusedError as error:
            return (error.as_obstacle(),)
        except UnavailableError as error:
            return (unanswered(error),)
        return ()

    def ended(self, done: Tick, took_s: float) -> None:
        """A tick went well: a problem that was told is none any more."""
        loaded = self._store.declared()
        names = _names_of(loaded.canary)
        self._shared.telemetry.declared(names, loaded.policy)
        self._shared.telemetry.state(names, done.rollout)
        for each in done.rounds:
            _log.info(CHECKED, canary=names.full_canary, namespace=names.namespace, round=written_round(each))
        if self._judged:
            self._shared.telemetry.analysed(names, took_s)
        self._store.clear_problem()
        lost = self._store.lost
        if lost is not None:
            self._shared.recorder.record(self._obj, lost, warning=True)

    def refused(self, error: RefusedError) -> bool:
        """Tell people what is wrong: in the condition, and, when that is new, by an event.

        Returns:
            Whether it is new.

        Raises:
            GoneError: There is no such object any more.
            ConflictError: Somebody else wrote in between.
            UnavailableError: The API server does not answer.
            RefusedError: It refuses.
        """
        new = self._store.report(Problem(error.reason, error.message))
        if new:
            self._shared.recorder.record(self._obj, error.message, warning=True)
        return new

    def judged(self) -> None:
        """A check was asked in this tick."""
        self._judged = True

    def _notifiers(self, given: Given) -> list[Notifier]:
        shared, names, policy = self._shared, given.names, given.policy
        found: list[Notifier] = [
            EventNotifier(shared.recorder, self._obj, names),
            LogNotifier(names),
            TelemetryNotifier(shared.telemetry, names, policy),
            *(each.make(given) for each in shared.registry.notifiers.values()),
        ]
        address = shared.options.event_webhook
        if address and not policy.hooks_of(HookType.EVENT):
            found.append(EventWebhook(address, names=names, pool=shared.http, background=shared.background))
        return found


class _Several:
    """Tells all."""

    def __init__(self, notifiers: list[Notifier]) -> None:
        self._notifiers = notifiers

    def tell(self, notice: Notice, rollout: Rollout) -> None:
        for notifier in self._notifiers:
            notifier.tell(notice, rollout)


class _Watched:
    """A metric source whose values are exported."""

    def __init__(
        self, inner: MetricSource, telemetry: Telemetry, names: Names, policy: Policy, rolling: Rolling
    ) -> None:
        self._inner, self._telemetry, self._names, self._rolling = inner, telemetry, names, rolling
        self._checks = {check.id: check for check in policy.checks}

    def measure(self, question: MetricQuestion) -> Measurement:
        self._rolling.judged()
        found = self._inner.measure(question)
        self._telemetry.measured(self._names, self._checks[question.check], found)
        return found

    def online(self) -> SourcesOnline | SourceError:
        return self._inner.online()


def _check_receivers(canary: Canary) -> None:
    for index, alert in enumerate(canary.spec.analysis.alerts):
        namespace = alert.provider_ref.namespace or canary.namespace
        if namespace != canary.namespace:
            raise RefusedError(
                "CrossNamespaceReference",
                f"spec.analysis.alerts[{index}].providerRef: can't access alert provider {alert.provider_ref.name}."
                f"{namespace}, cross-namespace references are blocked",
            )


def _version(obj: Obj) -> tuple[Key, Version]:
    metadata = obj["metadata"]
    return (metadata["namespace"], metadata["name"]), (metadata["uid"], metadata.get("generation"))


def _names_of(canary: Canary) -> Names:
    names = ObjectNames.of(canary)
    return Names(canary=canary.name, namespace=names.namespace, target=names.target, kind=canary.spec.target_ref.kind)


def own_version() -> str:
    """The version of the installed package."""
    try:
        return version("canary-core")
    except PackageNotFoundError:
        return "unknown"
