"""What is special about a kind: its defaults, its rules, when its generation rises."""

from __future__ import annotations

from canary_lab.cluster.kinds.base import Allocator, Strategy
from canary_lab.cluster.kinds.custom import CustomStrategy
from canary_lab.cluster.kinds.definitions import DefinitionStrategy
from canary_lab.cluster.kinds.pods import PodStrategy
from canary_lab.cluster.kinds.policies import BudgetStrategy, IsolationStrategy
from canary_lab.cluster.kinds.scalers import ScalerStrategy
from canary_lab.cluster.kinds.services import ServiceStrategy
from canary_lab.cluster.kinds.simple import (
    AccountStrategy,
    BindingStrategy,
    ConfigMapStrategy,
    EventStrategy,
    LeaseStrategy,
    NamespaceStrategy,
    SecretStrategy,
    SpecStrategy,
    UpsertedStrategy,
)
from canary_lab.cluster.kinds.workloads import DeploymentStrategy, ReplicaSetStrategy, WorkloadStrategy
from canary_lab.cluster.resources import Resource

__all__ = ["Allocator", "Strategies", "Strategy"]


class Strategies:
    """The strategy of each resource; those of custom resources are made when they are first asked for."""

    def __init__(self, allocator: Allocator) -> None:
        self._plain = Strategy()
        self._custom: dict[int, tuple[Resource, Strategy]] = {}
        self._built_in: dict[str, Strategy] = {
            "ConfigMap": ConfigMapStrategy(),
            "CustomResourceDefinition": DefinitionStrategy(),
            "DaemonSet": WorkloadStrategy(),
            "Deployment": DeploymentStrategy(),
            "ClusterRole": UpsertedStrategy(),
            "Endpoints": UpsertedStrategy(),
            "Event": EventStrategy(),
            "HorizontalPodAutoscaler": ScalerStrategy(),
            "Lease": LeaseStrategy(),
            "Namespace": NamespaceStrategy(),
            "NetworkPolicy": IsolationStrategy(),
            "Pod": PodStrategy(),
            "PodDisruptionBudget": BudgetStrategy(),
            "ReplicaSet": ReplicaSetStrategy(),
            "Role": UpsertedStrategy(),
            "RoleBinding": BindingStrategy(),
            "ClusterRoleBinding": BindingStrategy(),
            "Secret": SecretStrategy(),
            "Service": ServiceStrategy(allocator),
            "ServiceAccount": AccountStrategy(),
            "StatefulSet": WorkloadStrategy(),
        }
        for kind in ("CronJob", "EndpointSlice", "Ingress", "Job"):
            self._built_in[kind] = SpecStrategy()

    def of(self, resource: Resource) -> Strategy:
        """The strategy of a resource."""
        if not resource.custom:
            return self._built_in.get(resource.kind, self._plain)
        found = self._custom.get(id(resource))
        if found is None or found[0] is not resource:
            found = self._custom[id(resource)] = (resource, CustomStrategy(resource))
        return found[1]
