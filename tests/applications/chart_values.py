"""Sets of values that the charts are tested with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from laboratories.helm import CONTROLLER, LOADTESTER

ARTICLE = {
    "crd.create": True,
    "meshProvider": "istio",
    "metricsServer": "http://rancher-monitoring-prometheus.cattle-monitoring-system:9090",
    "includeLabelPrefix": "dummy",
}
FLAGGER: dict[str, Any] = {
    "podAnnotations": {"prometheus.io/scrape": "true", "linkerd.io/inject": "enabled"},
    "image": {"pullPolicy": "IfNotPresent", "pullSecret": None},
    "slack": {"user": "flagger", "channel": None, "url": None, "proxy": None},
    "msteams": {"url": None},
    "podMonitor": {"enabled": False, "namespace": None, "interval": "15s", "additionalLabels": {}},
    "leaderElection": {"enabled": False, "replicaCount": 1},
    "securityContext": {"enabled": True, "context": {"readOnlyRootFilesystem": True, "runAsUser": 10001}},
    "prometheus": {"install": False, "image": "docker.io/prom/prometheus:v2.41.0", "pullSecret": None},
    "affinity": {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 1,
                    "preference": {
                        "matchExpressions": [
                            {"key": "x", "operator": "In", "values": ['{{ template "flagger.name" . }}']}
                        ]
                    },
                }
            ]
        }
    },
    "kubeconfigQPS": "",
    "kubeconfigBurst": "",
    "controlplane": {"kubeconfig": {"secretName": "", "key": "kubeconfig"}},
}
"""What values files hold that were written for Flagger's chart."""

EVERYTHING: dict[str, Any] = {
    "image": {"repository": "example.com/canary", "digest": f"sha256:{'a' * 64}", "pullSecret": "one"},
    "imagePullSecrets": [{"name": "two"}],
    "meshProvider": "kubernetes",
    "metricsServer": "https://prometheus.example.com/prefix",
    "selectorLabels": "app,tier",
    "includeLabelPrefix": "app.kubernetes.io,team",
    "configTracking": {"enabled": False},
    "noCrossNamespaceRefs": True,
    "denyAddresses": ["default", "10.0.0.0/8", "fd00::/8"],
    "allowedGateways": ["istio-ingress/public", "shared/*"],
    "allowCrossNamespaceHosts": True,
    "readyWhileProgressing": True,
    "threadiness": 4,
    "kubeconfigQPS": 20.5,
    "kubeconfigBurst": "40",
    "logLevel": "debug",
    "extraArgs": ["-minimum-interval=5s", "-zap-encoding=console"],
    "eventWebhook": "http://events.example.com/",
    "clusterName": "one: {two} #three",
    "slack": {"url": "https://hooks.example.com/x", "channel": "#alerts", "proxy": "http://proxy:3128"},
    "msteams": {"url": "https://teams.example.com/y", "proxyUrl": "http://proxy:3129"},
    "env": [{"name": "SLACK_URL", "valueFrom": {"secretKeyRef": {"name": "own", "key": "url"}}}],
    "leaderElection": {"enabled": True, "replicaCount": 3},
    "serviceAccount": {"annotations": {"example.com/role": "x"}},
    "annotations": {"example.com/note": "yes"},
    "deploymentLabels": {"team": "a", "app.kubernetes.io/name": "not mine"},
    "podLabels": {"team": "a", "app.kubernetes.io/name": "not mine"},
    "podPriorityClassName": "system-cluster-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "x", "operator": "Exists", "effect": "NoSchedule"}],
    "additionalVolumes": [{"name": "tmpfs", "emptyDir": {}}],
    "additionalVolumeMounts": [{"name": "tmpfs", "mountPath": "/tmp"}],  # noqa: S108 - Flagger's chart suggests it
    "podDisruptionBudget": {"enabled": True, "minAvailable": "50%"},
    "networkPolicy": {
        "enabled": True,
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "egress": [{"ports": [{"port": 443}]}],
    },
    "podMonitor": {"enabled": True, "namespace": "monitoring", "additionalLabels": {"release": "prometheus"}},
    "serviceMonitor": {"enabled": True, "honorLabels": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Delivery"}},
}
LOAD: dict[str, Any] = {
    "replicaCount": 2,
    "cmd": {
        "timeout": "10m",
        "namespaceRegexp": "^(a|b)$",
        "allowPrograms": ["hey", "curl"],
        "enableBash": True,
        "enableShell": True,
        "maxCommands": 4,
    },
    "env": [{"name": "FIRST", "value": "a"}, {"name": "SECOND", "value": "b"}],
    "istio": {"enabled": True, "gateway": {"enabled": True}, "tls": {"enabled": True, "httpsRedirect": True}},
    "rbac": {
        "create": True,
        "scope": "cluster",
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
        "serviceAccountAnnotations": {"example.com/of": "{{ .Release.Name }}"},
    },
    "podSecurityContext": {"enabled": True},
    "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
    "networkPolicy": {"enabled": True},
    "volumes": [{"name": "data", "emptyDir": {}}],
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
}
TEAMS: dict[str, Any] = {"tenants": True, "gateToken": {"namespaces": ["team-a", "team-b"]}}
SETS: dict[str, tuple[Path, str, dict[str, Any]]] = {
    "defaults": (CONTROLLER, "canary", {}),
    "the article": (CONTROLLER, "flagger", ARTICLE),
    "the article, by Fleet": (
        CONTROLLER,
        "flagger",
        {**ARTICLE, "global": {"fleet": {"clusterLabels": {"canary": "enabled"}}}},
    ),
    "Flagger's own": (CONTROLLER, "flagger", FLAGGER),
    "everything": (CONTROLLER, "rollouts", EVERYTHING),
    "one namespace": (CONTROLLER, "canary", {"namespace": "team-a", "podDisruptionBudget": {"enabled": True}}),
    "many teams": (CONTROLLER, "canary", {"tenants": True}),
    "live page": (CONTROLLER, "canary", {"livePage": {"enabled": True, "verbs": True}}),
    "no election": (CONTROLLER, "canary", {"leaderElection": {"enabled": False}}),
    "OpenShift": (CONTROLLER, "canary", {"securityContext": {"context": {"runAsUser": None, "runAsGroup": None}}}),
    "nothing but a Deployment": (
        CONTROLLER,
        "canary",
        {"crd": {"create": False}, "rbac": {"create": False}, "serviceAccount": {"create": False}},
    ),
    "blocks that are null": (
        CONTROLLER,
        "canary",
        dict.fromkeys(("slack", "msteams", "affinity", "resources", "podAnnotations", "networkPolicy", "rbac")),
    ),
    "load tester": (LOADTESTER, "flagger-loadtester", {}),
    "load tester, everything": (LOADTESTER, "load", LOAD),
    "load tester, many teams": (LOADTESTER, "flagger-loadtester", TEAMS),
    "load tester, own tokens": (
        LOADTESTER,
        "flagger-loadtester",
        {"gateToken": {"enabled": True, "secretName": "mine"}, "denyAddresses": []},
    ),
    "load tester, role": (LOADTESTER, "loadtester", {"rbac": {"create": True}, "service": {"type": "NodePort"}}),
}
