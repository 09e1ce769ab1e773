"""Fingerprints: the same for the same declaration, whoever serves it (flagger#1673, #1799, #1201, #780)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.kubernetes.workload.fingerprint import (
    content_digest,
    service_fingerprint,
    template_fingerprint,
)

GOLDEN = Path(__file__).parent / "golden"
CONFIGS = [("configmap/settings", "aaaa"), ("secret/keys", "bbbb")]
PINNED = "v1:c8b8cf4748f2c8f6adbeb9034feda218"
WRITTEN: dict[str, Any] = yaml.safe_load((GOLDEN / "as-written.yaml").read_text())


@pytest.mark.parametrize("name", ["as-written", "as-served-1.24", "as-served-1.36"])
def test_every_version_of_the_server_gives_the_same(name: str) -> None:
    template = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())
    assert template_fingerprint(template, CONFIGS) == PINNED


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key in value for leaf in _leaves(value[key], (*path, key))]
    if isinstance(value, list):
        return [leaf for index, part in enumerate(value) for leaf in _leaves(part, (*path, index))]
    return [path]


@pytest.mark.parametrize("path", _leaves(WRITTEN), ids=str)
def test_every_word_that_a_person_wrote_counts(path: tuple[Any, ...]) -> None:
    changed = copy.deepcopy(WRITTEN)
    place = changed
    for step in path[:-1]:
        place = place[step]
    old = place[path[-1]]
    place[path[-1]] = f"{old}x" if isinstance(old, str) else (not old if isinstance(old, bool) else 7)
    assert template_fingerprint(changed, CONFIGS) != PINNED


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_count(chance: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            chance.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(part) for part in value] if isinstance(value, list) else value

    assert template_fingerprint(shuffled(WRITTEN), reversed(CONFIGS)) == PINNED


def test_configuration_belongs_to_the_revision() -> None:
    assert template_fingerprint(WRITTEN, []) != PINNED
    assert template_fingerprint(WRITTEN, [CONFIGS[0], ("secret/keys", "cccc")]) != PINNED


def test_keys_of_flux_do_not_count() -> None:
    changed = copy.deepcopy(WRITTEN)
    changed["metadata"]["annotations"]["reconcile.toolkit.fluxcd.io/requestedAt"] = "now"
    assert template_fingerprint(changed, CONFIGS) == PINNED


def test_a_restart_that_a_person_asked_for_counts() -> None:
    changed = copy.deepcopy(WRITTEN)
    changed["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"
    assert template_fingerprint(changed, CONFIGS) != PINNED


@pytest.mark.parametrize(
    ("image", "policy", "same"),
    [
        ("a", "Always", True),
        ("a:latest", "Always", True),
        ("host:5000/a", "Always", True),
        ("a:1", "IfNotPresent", True),
        ("a@sha256:0", "IfNotPresent", True),
        ("a:1", "Always", False),
        ("a:latest", "IfNotPresent", False),
    ],
)
def test_how_images_are_pulled_counts_where_it_is_not_the_usual(image: str, policy: str, same: bool) -> None:
    plain = {"spec": {"containers": [{"name": "a", "image": image}]}}
    told = {"spec": {"containers": [{"name": "a", "image": image, "imagePullPolicy": policy}]}}
    assert (template_fingerprint(plain, []) == template_fingerprint(told, [])) is same


def test_an_empty_selector_is_not_none() -> None:
    def spread(selector: Any) -> dict[str, Any]:
        term = {"topologyKey": "zone", "labelSelector": {}} | selector
        return {"spec": {"affinity": {"podAntiAffinity": {"required": [term]}}}}

    assert template_fingerprint(spread({"namespaceSelector": {}}), []) != template_fingerprint(spread({}), [])


def test_binary_data_counts() -> None:
    """Flagger neither hashes nor clones it (12.1 #38, flagger#1774)."""
    one, other = {"binaryData": {"a": "AA=="}}, {"binaryData": {"a": "AQ=="}}
    assert len({content_digest(each) for each in ({}, one, other, {"data": {"a": "AA=="}})}) == 4


def test_what_the_server_fills_into_a_service_does_not_count() -> None:
    written = {"selector": {"app": "a"}, "ports": [{"port": 80}]}
    served = {
        "selector": {"app": "a"},
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "clusterIP": "10.0.0.1",
        "clusterIPs": ["10.0.0.1"],
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    assert service_fingerprint(written) == service_fingerprint(served)
    for change in ({"selector": {"app": "b"}}, {"ports": [{"port": 81}]}, {"sessionAffinity": "ClientIP"}):
        assert service_fingerprint({**served, **change}) != service_fingerprint(served)
