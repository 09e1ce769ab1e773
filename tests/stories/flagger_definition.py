"""Flagger's definition of Canary, by the facts that matter here: the fields that it knows, and the columns.

As in its repository (`artifacts/flagger/crd.yaml`): the status names each of its fields, so that every other one is
dropped without a word; the spec is that of this project without what is this project's own.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from canary_adapters.kubernetes.crds import definitions

_OWN_ANALYSIS: Final = ("approvalDeadline", "drainTime", "errorThreshold", "noDataThreshold")
_OWN_METRIC: Final = ("minSamples",)
_STATUS: Final = (
    "phase",
    "failedChecks",
    "canaryWeight",
    "iterations",
    "trackedConfigs",
    "lastAppliedSpec",
    "lastPromotedSpec",
    "lastTransitionTime",
    "sessionAffinityCookie",
    "primarySessionAffinityCookie",
    "previousSessionAffinityCookie",
    "conditions",
)
_COLUMNS: Final = (
    "Status",
    "Weight",
    "Suspended",
    "FailedChecks",
    "Interval",
    "Mirror",
    "StepWeight",
    "StepWeights",
    "MaxWeight",
    "LastTransitionTime",
)


def flaggers_definition() -> dict[str, Any]:
    """The CustomResourceDefinition, without its descriptions."""
    found: dict[str, Any] = copy.deepcopy(definitions()[0])
    (version,) = found["spec"]["versions"]
    version["additionalPrinterColumns"] = [
        column for column in version["additionalPrinterColumns"] if column["name"] in _COLUMNS
    ]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    analysis = properties["spec"]["properties"]["analysis"]["properties"]
    for name in _OWN_ANALYSIS:
        del analysis[name]
    for name in _OWN_METRIC:
        del analysis["metrics"]["items"]["properties"][name]
    del properties["status"]["default"]
    status = properties["status"]["properties"]
    status["lastTrackedRevision"] = {"type": "string"}
    properties["status"]["properties"] = {name: status[name] for name in (*_STATUS, "lastTrackedRevision")}
    condition = status["conditions"]["items"]
    condition["required"] = ["type", "status", "reason"]
    condition["properties"] = {
        name: schema for name, schema in condition["properties"].items() if name != "observedGeneration"
    }
    return found
