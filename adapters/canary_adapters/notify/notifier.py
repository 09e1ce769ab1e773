"""Alerts of a canary, to those who want to know."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

import structlog

from canary_adapters.background import Background
from canary_adapters.manifests import Alert as AlertSpec
from canary_adapters.manifests import AlertProvider, Canary
from canary_adapters.notify.payloads import Field, Message, Receiver, address_of, payload_for
from canary_adapters.webhook import HttpPool, NoAnswerError
from canary_core import Notice, Rollout
from canary_core.messages import Names, Severity, alert
from canary_ports import PortError

__all__ = ["AlertNotifier", "ProviderReader"]

ProviderReader: TypeAlias = Callable[[str, str], AlertProvider | None]
"""An AlertProvider by namespace and name."""
SecretReader: TypeAlias = Callable[[str, str], Mapping[str, bytes] | None]
TIMEOUT_S: Final = 5.0
_ORDER: Final = (Severity.INFO, Severity.WARN, Severity.ERROR)
_log = structlog.get_logger("canary.alerts")


class AlertNotifier:
    """A `canary_ports.Notifier`. Alerts are sent in the background, in order, each once."""

    def __init__(
        self,
        canary: Canary,
        *,
        names: Names,
        everybody: tuple[Receiver, ...],
        providers: ProviderReader,
        secrets: SecretReader,
        cluster_name: str,
        pool: HttpPool,
        background: Background,
        cross_namespace: bool = True,
    ) -> None:
        """Makes one for a tick.

        Args:
            canary: As it is declared now.
            names: For the texts.
            everybody: Told of all alerts of canaries that declare none.
            providers: Where AlertProviders are found.
            secrets: Where addresses and tokens are found.
            cluster_name: Shown with each alert; empty: not.
            pool: Connections.
            background: Sends them.
            cross_namespace: Whether providers of other namespaces may be used.
        """
        self._canary, self._names, self._everybody = canary, names, everybody
        self._providers, self._secrets, self._cluster_name = providers, secrets, cluster_name
        self._pool, self._background, self._cross_namespace = pool, background, cross_namespace

    def tell(self, notice: Notice, rollout: Rollout) -> None:  # noqa: ARG002 - an alert does not show the state
        """Send the alert that belongs to a notice, if there is one and somebody wants it."""
        found = alert(notice, self._names)
        if found is None:
            return
        fields = [("Cluster", self._cluster_name)] if self._cluster_name else []
        if found.with_fields:
            fields += _declared(self._canary, self._names)
        message = Message(
            canary=self._names.canary,
            namespace=self._names.namespace,
            severity=found.severity,
            text=found.text,
            fields=tuple(fields),
        )
        wanted = [entry for entry in self._canary.spec.analysis.alerts if _wants(entry, found.severity)]
        declared = bool(self._canary.spec.analysis.alerts)

        def send() -> None:
            for receiver in self._receivers(wanted) if declared else self._everybody:
                _send(self._pool, receiver, message, self._names.namespace)

        if wanted or (not declared and self._everybody):
            self._background.put(self._names.namespace, self._names.canary, send)

    def _receivers(self, wanted: list[AlertSpec]) -> Iterator[Receiver]:
        for entry in wanted:
            namespace = entry.provider_ref.namespace or self._canary.namespace
            where = f"AlertProvider {entry.provider_ref.name}.{namespace}"
            if not self._cross_namespace and namespace != self._canary.namespace:
                _log.warning("cross-namespace references are blocked", alert=entry.name, provider=where)
                continue
            try:
                provider = self._providers(namespace, entry.provider_ref.name)
                found = self._receiver(provider, namespace) if provider is not None else None
            except PortError as error:
                _log.warning("the provider cannot be read", alert=entry.name, provider=where, error=str(error))
                continue
            if provider is None:
                _log.warning("there is no such provider", alert=entry.name, provider=where)
                continue
            if found is None:
                _log.warning("its Secret has no address", alert=entry.name, provider=where)
            else:
                yield found

    def _receiver(self, provider: AlertProvider, namespace: str) -> Receiver | None:
        spec = provider.spec
        address, token = spec.address or "", ""
        if spec.secret_ref is not None:
            secret = self._secrets(namespace, spec.secret_ref.name) or {}
            address = secret.get("address", b"").decode("utf-8", "replace").strip()
            token = secret.get("token", b"").decode("utf-8", "replace").strip()
        if not address:
            return None
        return Receiver(
            type=spec.type,
            address=address,
            token=token,
            channel=spec.channel or "general",
            username=spec.username or "flagger",
            proxy=spec.proxy or "",
        )


def _wants(entry: AlertSpec, severity: Severity) -> bool:
    """Without a word, everything is wanted, as Flagger's documentation says."""
    least = Severity(entry.severity or Severity.INFO.value)
    return _ORDER.index(severity) >= _ORDER.index(least)


def _send(pool: HttpPool, receiver: Receiver, message: Message, namespace: str) -> None:
    make = payload_for(receiver.type)
    if make is None:
        _log.warning("nobody knows this kind of receiver", type=receiver.type)
        return
    headers = {"Authorization": f"Bearer {receiver.token}"} if receiver.token else {}
    try:
        answer = pool.post(
            address_of(receiver),
            make(receiver, message),
            namespace=namespace,
            timeout_s=TIMEOUT_S,
            proxy=receiver.proxy,
            headers=headers,
        )
    except NoAnswerError as error:
        _log.warning("an alert was not received", type=receiver.type, error=str(error))
        return
    if not answer.ok:
        _log.warning("an alert was not accepted", type=receiver.type, status=answer.status)


def _declared(canary: Canary, names: Names) -> list[Field]:
    spec, analysis = canary.spec, canary.spec.analysis
    return [
        ("Target", f"{names.kind}/{names.full_target}"),
        ("Failed checks threshold", str(analysis.threshold)),
        ("Progress deadline", f"{spec.progress_deadline_seconds}s"),
        ("Traffic routing", _routing(canary)),
    ]


def _routing(canary: Canary) -> str:
    analysis = canary.spec.analysis
    if analysis.iterations:
        return "A/B Testing" if analysis.match else "Blue/Green"
    if analysis.step_weights:
        steps = ",".join(map(str, analysis.step_weights))
        return f"Weight steps: {steps} max: {analysis.step_weights[-1]}"
    return f"Weight step: {analysis.step_weight} max: {analysis.max_weight or 100}"
