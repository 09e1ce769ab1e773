"""What all canaries share, and from it the ports of one canary for one tick."""

import base64
import binascii
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Final, TypeAlias

from canary_adapters.background import Background
from canary_adapters.controller.interests import Key
from canary_adapters.controller.options import Options
from canary_adapters.controller.references import References
from canary_adapters.istio import IstioRouter
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.events import EventNotifier, EventRecorder
from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.resources import SECRETS, Obj
from canary_adapters.kubernetes.services import ServiceRouter
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.store import CanaryReader, CanaryStore, Problem
from canary_adapters.kubernetes.workload import ConfigDigests, Fingerprints, workload_port
from canary_adapters.manifests import Canary, provider_of
from canary_adapters.notify import AlertNotifier, Receiver
from canary_adapters.prometheus import CanaryMetrics, PrometheusPool
from canary_adapters.telemetry import LogNotifier, Telemetry, TelemetryNotifier
from canary_adapters.webhook import EventWebhook, HttpPool, WebhookHooks
from canary_core import (
    HookType,
    Measurement,
    MetricQuestion,
    Notice,
    Policy,
    Rollout,
    SourceError,
    SourcesOnline,
)
from canary_core.messages import Names
from canary_ports import Clock, MetricSource, Notifier, Ports, RefusedError, RouterPort, Tick

__all__ = ["Assembly", "Rolling", "own_version"]

RouterFactory: TypeAlias = Callable[[Cluster, Canary, ObjectSettings], RouterPort]
ROUTERS_GROUP: Final = "canary.routers"
"""Entry points that add a provider: a function of cluster, canary and settings that returns a router."""
_ROUTERS: Final[Mapping[str, RouterFactory]] = {"istio": IstioRouter, "kubernetes": ServiceRouter}


@cache
def _added() -> Mapping[str, RouterFactory]:
    return {point.name: point.load() for point in entry_points(group=ROUTERS_GROUP)}


class Assembly:
    """What all canaries share."""

    def __init__(self, options: Options, cluster: Cluster, clock: Clock, *, telling: Api) -> None:
        """Makes it; background threads begin.

        Args:
            options: The flags.
            cluster: Reads and writes.
            clock: Wall-clock time.
            telling: Sends events.
        """
        self.options, self.cluster, self.clock = options, cluster, clock
        self.telemetry = Telemetry(version=own_version(), mesh_provider=options.mesh_provider)
        self.reader = CanaryReader(mesh_provider=options.mesh_provider, minimum_interval_s=options.minimum_interval_s)
        self.references = References(cluster)
        self.digests = ConfigDigests(cluster)
        self.fingerprints = Fingerprints(self.digests, track_configs=options.objects.track_configs)
        self.recorder = EventRecorder(telling, now_s=clock.now_s)
        self.background = Background()
        self.http, self.prometheus = HttpPool(), PrometheusPool()
        self.everybody = _everybody(options)
        self._lock = threading.Lock()
        self._names: dict[Key, Names] = {}
        self._counts: Counter[str] = Counter()

    def rolling(self, obj: Obj) -> "Rolling":
        """One canary, for one tick."""
        return Rolling(self, obj)

    def remember(self, key: Key, names: Names) -> None:
        """How the objects of a canary are called, for when it is gone."""
        with self._lock:
            new = key not in self._names
            self._names[key] = names
            if new:
                self._counts[key[0]] += 1
                self.telemetry.total(key[0], self._counts[key[0]])

    def forget(self, key: Key) -> None:
        """A canary is gone."""
        self.reader.forget(*key)
        self.recorder.forget(*key)
        with self._lock:
            names = self._names.pop(key, None)
            if names is None:
                return
            self._counts[key[0]] -= 1
            self.telemetry.total(key[0], self._counts[key[0]])
        self.telemetry.forget(names)
        self.fingerprints.forget(names.namespace, names.target)

    def close(self, timeout_s: float) -> None:
        """Tell what is still to be told, and close all connections."""
        self.recorder.close(timeout_s)
        self.background.close(timeout_s)
        self.http.close()
        self.prometheus.close()

    def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """The contents of a Secret, as they are now."""
        found = self.cluster.read(SECRETS, namespace, name)
        if found is None:
            return None
        return {key: _decoded(value) for key, value in (found.get("data") or {}).items()}


class Rolling:
    """One canary, for one tick."""

    def __init__(self, shared: Assembly, obj: Obj) -> None:
        self._shared, self._obj = shared, obj
        metadata = obj["metadata"]
        self._store = CanaryStore(
            shared.cluster, metadata["namespace"], metadata["name"], reader=shared.reader, clock=shared.clock
        )
        self._judged = False

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
        self._store.ensure_finalizer()
        return canary

    def let_go_if_deleting(self) -> bool:
        """Let go of a canary that is being deleted and of which nothing can be read, not even what to undo."""
        if not self._store.deleting:
            return False
        self._store.release()
        return True

    def ports(self) -> Ports:
        """The outside of this rollout.

        Raises:
            RefusedError: Something is declared that is not served.
        """
        shared, options = self._shared, self._shared.options
        loaded = self._store.declared()
        canary, policy = loaded.canary, loaded.policy
        names = _names_of(canary)
        shared.remember((canary.namespace, canary.name), names)
        provider = provider_of(canary, options.mesh_provider)
        metrics = CanaryMetrics(
            canary,
            provider=provider,
            metrics_server=options.metrics_server,
            templates=shared.references.template,
            secrets=shared.secret,
            pool=shared.prometheus,
            cross_namespace=not options.no_cross_namespace_refs,
        )
        return Ports(
            workload=workload_port(shared.cluster, canary, options.objects, shared.fingerprints),
            router=_router(provider)(shared.cluster, canary, options.objects),
            metrics=_Watched(metrics, shared.telemetry, names, policy, self),
            hooks=WebhookHooks(
                canary,
                names=names,
                rollout=lambda: self._store.rollout,
                pool=shared.http,
                background=shared.background,
                now_s=shared.clock.now_s,
            ),
            store=self._store,
            notifier=_Several(self._notifiers(canary, policy, names)),
            clock=shared.clock,
        )

    def ended(self, done: Tick, took_s: float) -> None:
        """A tick went well: a problem that was told is none any more."""
        loaded = self._store.declared()
        names = _names_of(loaded.canary)
        self._shared.telemetry.declared(names, loaded.policy)
        self._shared.telemetry.state(names, done.rollout)
        if self._judged:
            self._shared.telemetry.analysed(names, took_s)
        self._store.clear_problem()

    def refused(self, error: RefusedError) -> None:
        """Tell people what is wrong: in the condition, and, when that is new, by an event.

        Raises:
            GoneError: There is no such object any more.
            ConflictError: Somebody else wrote in between.
            UnavailableError: The API server does not answer.
            RefusedError: It refuses.
        """
        if self._store.report(Problem(error.reason, error.message)):
            self._shared.recorder.record(self._obj, error.message, warning=True)

    def judged(self) -> None:
        """A check was asked in this tick."""
        self._judged = True

    def _notifiers(self, canary: Canary, policy: Policy, names: Names) -> list[Notifier]:
        shared, options = self._shared, self._shared.options
        found: list[Notifier] = [
            EventNotifier(shared.recorder, self._obj, names),
            LogNotifier(names),
            TelemetryNotifier(shared.telemetry, names, policy),
            AlertNotifier(
                canary,
                names=names,
                everybody=shared.everybody,
                providers=shared.references.provider,
                secrets=shared.secret,
                cluster_name=options.cluster_name,
                pool=shared.http,
                background=shared.background,
                cross_namespace=not options.no_cross_namespace_refs,
            ),
        ]
        if options.event_webhook and not policy.hooks_of(HookType.EVENT):
            hook = EventWebhook(options.event_webhook, names=names, pool=shared.http, background=shared.background)
            found.append(hook)
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


def _router(provider: str) -> RouterFactory:
    found = _ROUTERS.get(provider) or _added().get(provider)
    if found is None:
        known = ", ".join(sorted({*_ROUTERS, *_added()}))
        raise RefusedError("ProviderUnknown", f"spec.provider {provider} is not supported: it must be one of {known}")
    return found


def _names_of(canary: Canary) -> Names:
    names = ObjectNames.of(canary)
    return Names(canary=canary.name, namespace=names.namespace, target=names.target, kind=canary.spec.target_ref.kind)


def _everybody(options: Options) -> tuple[Receiver, ...]:
    """Teams wins over Slack, as with Flagger."""
    if options.msteams_url:
        return (Receiver(type="msteams", address=options.msteams_url, proxy=options.msteams_proxy_url),)
    if options.slack_url:
        return (
            Receiver(
                type="slack",
                address=options.slack_url,
                token=options.slack_token,
                channel=options.slack_channel or "general",
                username=options.slack_user,
                proxy=options.slack_proxy_url,
            ),
        )
    return ()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (ValueError, binascii.Error):
        return b""


def own_version() -> str:
    """The version of the installed package."""
    try:
        return version("canary-core")
    except PackageNotFoundError:
        return "unknown"
