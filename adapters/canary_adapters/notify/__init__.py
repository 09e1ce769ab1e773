"""Alerts: Slack, Microsoft Teams, Discord, Rocket.Chat, Google Chat, or any JSON hook."""

from canary_adapters.notify.notifier import AlertNotifier, ProviderReader
from canary_adapters.notify.payloads import Message, Receiver

__all__ = ["AlertNotifier", "Message", "ProviderReader", "Receiver"]
