"""What of Flagger's surprising behaviour the reader of manifests mends. Numbers are rows of docs/compatibility.md."""

import pytest

from canary_adapters.manifests import ManifestError, policy_of, read_text

CANARY = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: app, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: app}
  service: {port: 80}
"""


def test_12_1_14_a_template_metric_without_interval_looks_back_one_minute() -> None:
    text = (
        CANARY
        + """
  analysis:
    interval: 30s
    threshold: 2
    stepWeight: 10
    metrics: [{name: latency, templateRef: {name: latency}, thresholdRange: {max: 500}}]
"""
    )
    (canary,) = read_text(text).canaries
    assert [check.window_s for check in policy_of(canary).checks] == [60.0]


def test_12_1_15_a_metric_without_limits_is_refused() -> None:
    text = CANARY + "  analysis: {interval: 30s, threshold: 2, stepWeight: 10, metrics: [{name: request-duration}]}\n"
    with pytest.raises(ManifestError, match=r"spec\.analysis\.metrics\[0\].*thresholdRange or threshold"):
        read_text(text)


def test_12_1_27_a_fraction_where_a_whole_number_belongs_is_refused() -> None:
    text = CANARY + "  analysis: {interval: 30s, threshold: 2, stepWeight: 2.5}\n"
    with pytest.raises(ManifestError, match=r"spec\.analysis\.stepWeight.*2\.5.*whole number"):
        read_text(text)


def test_12_1_34_a_missing_analysis_is_named_with_its_path() -> None:
    with pytest.raises(ManifestError, match=r"spec\.analysis"):
        read_text(CANARY)
