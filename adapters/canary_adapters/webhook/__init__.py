"""Webhooks: gates, load tests, and listeners."""

from canary_adapters.webhook.hooks import EventWebhook, WebhookHooks
from canary_adapters.webhook.http import HttpPool, NoAnswerError

__all__ = ["EventWebhook", "HttpPool", "NoAnswerError", "WebhookHooks"]
