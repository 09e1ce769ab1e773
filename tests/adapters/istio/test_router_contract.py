"""Istio and plain Services keep the contract of the router port."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, field

from applications.declared import a_canary, a_deployment, a_namespace
from canary_adapters.istio import IstioRouter
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES
from canary_adapters.kubernetes.services import ServiceRouter
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_core import Traffic
from canary_ports import RefusedError, RouterPort
from canary_sims.harness.contracts import RouterContract

ISTIO = {
    "analysis": {
        "interval": "1m",
        "threshold": 1,
        "iterations": 3,
        "match": [{"headers": {"x-canary": {"exact": "insider"}}}],
        "sessionAffinity": {"cookieName": "cc", "primaryCookieName": "pc"},
    }
}


@define
class Door:
    """The objects of a canary."""

    cluster: Cluster
    kind: type[Any]
    spec: dict[str, Any]
    embedded: Any
    namespace: str = field(init=False)
    router: RouterPort = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.namespace = a_namespace(self.cluster.api)
        self.cluster.create(DEPLOYMENTS, self.namespace, a_deployment())
        self.router = self._router()

    def _router(self) -> RouterPort:
        canary = a_canary(self.cluster.api, self.namespace, **self.spec)
        found: RouterPort = self.kind(self.cluster, canary, ObjectSettings())
        return found

    def in_force(self) -> Traffic | None:
        return self._router().read()

    def edit(self, traffic: Traffic) -> None:
        self._router().ensure(traffic)

    def writes(self) -> int:
        log = self.embedded.requests
        mine = [each for each in log.matching(namespace=self.namespace) if each.resource != "canaries"]
        return sum(each.verb in {"create", "update", "patch", "delete"} for each in mine)


class TestIstio(RouterContract):
    """VirtualService, DestinationRules and Services."""

    @pytest.fixture(autouse=True)
    def _cluster(self, cluster: Cluster, embedded: Any) -> None:
        self.cluster, self.embedded = cluster, embedded

    def door(self) -> Door:
        return Door(self.cluster, IstioRouter, ISTIO, self.embedded)


def test_services_alone_send_everything_to_one_side(cluster: Cluster, embedded: Any) -> None:
    door = Door(cluster, ServiceRouter, {"provider": "kubernetes"}, embedded)
    assert door.router.read() is None
    for traffic in (Traffic(), Traffic(canary_weight=100), Traffic()):
        door.router.ensure(traffic)
        before = door.writes()
        door.router.ensure(traffic)
        assert door.writes() == before
        assert door.in_force() == traffic
    with pytest.raises(RefusedError):
        door.router.ensure(Traffic(canary_weight=50))
    for _ in range(2):
        door.router.release()
        assert door.router.read() is None
    assert cluster.get(SERVICES, door.namespace, "app") is None
