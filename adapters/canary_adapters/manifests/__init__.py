"""Manifests of Flagger's objects: read, checked, explained, turned into policies. Needs no Kubernetes client."""

from canary_adapters.manifests.analysis import Alert, Analysis, Metric, Webhook
from canary_adapters.manifests.describe import describe_policy, shortest_s
from canary_adapters.manifests.mistakes import ManifestError, Mistake
from canary_adapters.manifests.objects import AlertProvider, Canary, CanarySpec, Manifests, MetricTemplate
from canary_adapters.manifests.policies import (
    CheckOrigin,
    CheckSource,
    HookSource,
    check_sources,
    hook_sources,
    policy_of,
    provider_of,
)
from canary_adapters.manifests.queries import misfits, query_of
from canary_adapters.manifests.reader import Survey, read_file, read_object, read_text, survey_file, survey_text
from canary_adapters.manifests.references import Given, Reference
from canary_adapters.manifests.relations import refusal
from canary_adapters.manifests.served import Served, Unserved, unserved, unserved_template
from canary_adapters.manifests.service import Service
from canary_adapters.manifests.templates import Template, TemplateError
from canary_adapters.manifests.warnings import policy_warnings

__all__ = [
    "Alert",
    "AlertProvider",
    "Analysis",
    "Canary",
    "CanarySpec",
    "CheckOrigin",
    "CheckSource",
    "Given",
    "HookSource",
    "ManifestError",
    "Manifests",
    "Metric",
    "MetricTemplate",
    "Mistake",
    "Reference",
    "Served",
    "Service",
    "Survey",
    "Template",
    "TemplateError",
    "Unserved",
    "Webhook",
    "check_sources",
    "describe_policy",
    "hook_sources",
    "misfits",
    "policy_of",
    "policy_warnings",
    "provider_of",
    "query_of",
    "read_file",
    "read_object",
    "read_text",
    "refusal",
    "shortest_s",
    "survey_file",
    "survey_text",
    "unserved",
    "unserved_template",
]
