"""The definitions: names, columns and status as Flagger's, so that tools and habits go on working."""

from typing import Final

from attrs import fields

from canary_adapters.kubernetes.crds.schema import schema_of
from canary_adapters.kubernetes.resources import ALERT_PROVIDERS, CANARIES, METRIC_TEMPLATES, Obj, Resource
from canary_adapters.manifests.objects import AlertProvider, Canary, MetricTemplate
from canary_core import Phase

__all__ = ["definitions"]

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "number"}
_CONDITION: Final = {
    "type": "object",
    "required": ["status", "type"],
    "properties": {
        "type": {"description": "Type of the condition.", **_TEXT},
        "status": {"description": "True, False or Unknown.", **_TEXT},
        "reason": {"description": "The phase, or what is wrong, in one word.", **_TEXT},
        "message": {"description": "The same for people.", **_TEXT},
        "lastUpdateTime": {"description": "When anything in Promoted changed last.", "format": "date-time", **_TEXT},
        "lastTransitionTime": {"description": "When status changed last.", "format": "date-time", **_TEXT},
        "observedGeneration": {"description": "Generation of the Canary that this is about.", **_NUMBER},
    },
}
_UNSEEN: Final = {"phase": "", "canaryWeight": 0, "conditions": [], "observedGeneration": -1}
"""Of a Canary that no controller has seen yet, so that tools that wait do not take it for settled."""
_STATUS: Final = {
    "description": "Where the rollout stands.",
    "type": "object",
    "default": _UNSEEN,
    "properties": {
        "phase": {
            "description": "Phase of the rollout.",
            "enum": ["", *(phase.value for phase in Phase)],
            **_TEXT,
        },
        "canaryWeight": {"description": "Share of the traffic that the canary has, percent.", **_NUMBER},
        "failedChecks": {"description": "Failed checks of this analysis.", **_NUMBER},
        "iterations": {"description": "Iterations of this analysis.", **_NUMBER},
        "lastAppliedSpec": {"description": "Fingerprint of the revision that was last acted upon.", **_TEXT},
        "lastPromotedSpec": {"description": "Fingerprint of the revision that the primary runs.", **_TEXT},
        "trackedConfigs": {
            "description": "Checksums of tracked objects, as Flagger writes them.",
            "type": "object",
            "additionalProperties": _TEXT,
        },
        "sessionAffinityCookie": {"description": "Cookie of the running analysis.", **_TEXT},
        "primarySessionAffinityCookie": {"description": "Cookie of the primary.", **_TEXT},
        "previousSessionAffinityCookie": {"description": "Cookie to be removed from clients.", **_TEXT},
        "lastTransitionTime": {"description": "When the phase changed last.", "format": "date-time", **_TEXT},
        "observedGeneration": {"description": "Generation of the Canary that this is about.", **_NUMBER},
        "conditions": {
            "description": "Promoted, as Flagger writes it; Ready; Reconciling or Stalled, while it is so.",
            "type": "array",
            "items": _CONDITION,
        },
        "record": {
            "description": "What happened: the last rollouts, and of the last one what each check came to.",
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "rollout": {
            "description": "What the controller has to remember. Not for people, and not to be edited.",
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
        },
    },
}
_COLUMNS: Final = (
    # Name, path, type, whether only with -o wide.
    ("Status", ".status.phase", "string", False),
    ("Weight", ".status.canaryWeight", "string", False),
    ("Suspended", ".spec.suspend", "boolean", True),
    ("FailedChecks", ".status.failedChecks", "string", True),
    ("Interval", ".spec.analysis.interval", "string", True),
    ("Mirror", ".spec.analysis.mirror", "boolean", True),
    ("StepWeight", ".spec.analysis.stepWeight", "string", True),
    ("StepWeights", ".spec.analysis.stepWeights", "string", True),
    ("MaxWeight", ".spec.analysis.maxWeight", "string", True),
    ("LastTransitionTime", ".status.lastTransitionTime", "string", False),
    # Ours, behind Flagger's, which keep their places: Paused, Suspended, or what is in the way.
    ("Reason", '.status.conditions[?(@.type=="Promoted")].reason', "string", False),
)


def definitions() -> list[Obj]:
    """The CustomResourceDefinitions, in the order in which to apply them."""
    columns = [
        {"name": name, "jsonPath": path, "type": kind, **({"priority": 1} if wide else {})}
        for name, path, kind, wide in _COLUMNS
    ]
    return [
        _definition(CANARIES, Canary, columns, _STATUS),
        _definition(METRIC_TEMPLATES, MetricTemplate, [_column("Provider", ".spec.provider.type")], _OPEN),
        _definition(ALERT_PROVIDERS, AlertProvider, [_column("Type", ".spec.type")], _OPEN),
    ]


_OPEN: Final = {"description": "Not used.", "type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _column(name: str, path: str) -> Obj:
    return {"name": name, "jsonPath": path, "type": "string"}


def _definition(resource: Resource, kind: type, columns: list[Obj], status: Obj) -> Obj:
    spec = schema_of(fields(kind).spec.type)
    schema = {
        "description": (kind.__doc__ or "").strip(),
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": _TEXT,
            "kind": _TEXT,
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced",
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.kind.lower(),
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": resource.version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
