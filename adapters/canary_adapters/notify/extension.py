"""Alerts, as the controller finds them."""

from collections.abc import Iterator

from canary_adapters.controller.options import Options
from canary_adapters.extensions import Extension, Given, Right
from canary_adapters.kubernetes.resources import ALERT_PROVIDERS, SECRETS, Ref
from canary_adapters.manifests import Canary
from canary_adapters.notify.notifier import AlertNotifier
from canary_adapters.notify.payloads import Receiver
from canary_ports import Notifier

__all__ = ["AlertExtension"]


class AlertExtension(Extension[Notifier]):
    """Sends alerts to those that a canary names, or else to those of the installation."""

    rights = (Right(ALERT_PROVIDERS, ("list", "watch")), Right(SECRETS, ("get",)))

    def refs(self, canary: Canary) -> Iterator[Ref]:
        """The providers of its alerts."""
        for alert in canary.spec.analysis.alerts:
            yield ALERT_PROVIDERS, alert.provider_ref.namespace or canary.namespace, alert.provider_ref.name

    def make(self, given: Given) -> Notifier:
        """The alerts of one canary."""
        return AlertNotifier(
            given.canary,
            names=given.names,
            everybody=_everybody(given.options),
            providers=given.references.provider,
            secrets=given.references.secret,
            cluster_name=given.options.cluster_name,
            pool=given.http,
            background=given.background,
            cross_namespace=not given.options.no_cross_namespace_refs,
        )


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
