"""Clones that a promotion under way is about to need are not taken from under it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from applications.declared import a_canary, a_deployment
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, Obj
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.workload import ConfigDigests, Fingerprints, workload_port
from canary_ports import ConflictError, UnavailableError, WorkloadPort


def _port(cluster: Cluster, namespace: str) -> WorkloadPort:
    fingerprints = Fingerprints(ConfigDigests(cluster), track_configs=True)
    return workload_port(cluster, a_canary(cluster.api, namespace), ObjectSettings(), fingerprints)


def _revision(port: WorkloadPort) -> str:
    canary = port.observe().canary
    assert canary is not None
    assert canary.revision is not None
    return canary.revision


def _promoted(port: WorkloadPort) -> None:
    while True:
        try:
            port.promote(_revision(port), 1)
        except ConflictError:  # a status came in between
            continue
        return


def _clones(cluster: Cluster, namespace: str) -> dict[str, str]:
    """Names and identities."""
    found = cluster.list(CONFIG_MAPS, namespace)
    return {
        obj["metadata"]["name"]: obj["metadata"]["uid"]
        for obj in found
        if obj["metadata"]["name"].startswith("settings-primary")
    }


def test_clones_of_an_attempt_whose_answer_is_missing_stay(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt's write of the primary may still arrive: it would refer to what the second one deleted."""
    target = a_deployment()
    container = target["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    made = cluster.create(CONFIG_MAPS, namespace, {"metadata": {"name": "settings"}, "data": {"a": "1"}})
    cluster.create(DEPLOYMENTS, namespace, target)
    port = _port(cluster, namespace)
    port.ensure_primary(_revision(port), 1)
    before = _clones(cluster, namespace)
    cluster.replace(CONFIG_MAPS, {**made, "data": {"a": "2"}})

    send = Api._send

    def late(
        self: Api,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Obj | None = None,
    ) -> Obj:
        if method == "PUT" and path.endswith("deployments/app-primary"):
            raise UnavailableError("no answer in time")
        return send(self, method, path, query=query, headers=headers, body=body)

    with monkeypatch.context() as patched:
        patched.setattr(Api, "_send", late)
        with pytest.raises(UnavailableError):
            _promoted(port)
    coming = {name: uid for name, uid in _clones(cluster, namespace).items() if name not in before}
    assert len(coming) == 1
    _promoted(_port(cluster, namespace))
    assert {name: _clones(cluster, namespace).get(name) for name in coming} == coming
