"""The controllers of the cluster: just enough for workloads, Services, owners and namespaces to behave."""

from __future__ import annotations

from canary_lab.cluster.addresses import Addresses
from canary_lab.cluster.api import Api
from canary_lab.cluster.controllers.autoscaler import Autoscaler
from canary_lab.cluster.controllers.base import Controller, Loop
from canary_lab.cluster.controllers.definitions import Definitions
from canary_lab.cluster.controllers.deployments import Deployments
from canary_lab.cluster.controllers.endpoints import EndpointsController
from canary_lab.cluster.controllers.garbage import Garbage
from canary_lab.cluster.controllers.kubelet import Kubelet, Scheduler, Timing
from canary_lab.cluster.controllers.namespaces import Namespaces
from canary_lab.cluster.controllers.replicasets import ReplicaSets

__all__ = ["Loop", "Timing", "start"]


def start(api: Api, addresses: Addresses, timing: Timing, *, play_pods: bool = True) -> Loop:
    """Starts all controllers in the running event loop.

    Args:
        api: The API.
        addresses: Of Services and Pods.
        timing: How fast things go.
        play_pods: Whether Pods are played. False: something outside runs those that are bound to the node.
    """
    loop = Loop(api)
    controllers: list[type[Controller]] = [
        Namespaces,
        Definitions,
        Deployments,
        ReplicaSets,
        EndpointsController,
        Garbage,
    ]
    for controller in controllers:
        loop.add(controller(api, loop))
    loop.add(Autoscaler(api, loop, timing))
    loop.add(Kubelet(api, loop, addresses, timing) if play_pods else Scheduler(api, loop))
    return loop
