"""PodDisruptionBudgets and NetworkPolicies: their defaults and rules. Nothing acts upon them here."""

from __future__ import annotations

import re
from typing import Any

from canary_lab.cluster.errors import Cause, forbidden, invalid, required, unsupported
from canary_lab.cluster.kinds.base import Obj
from canary_lab.cluster.kinds.simple import SpecStrategy
from canary_lab.cluster.selectors import check_object

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_TYPES = ("Egress", "Ingress")
_EVICTION = ("AlwaysAllow", "IfHealthyBudget")


def _check_count(field: str, value: Any) -> list[Cause]:
    if isinstance(value, int):
        return [] if value >= 0 else [invalid(field, value, "must be greater than or equal to 0")]
    if not re.fullmatch(r"[0-9]+%", value):
        why = (
            "a valid percent string must be a numeric string followed by an ending '%' "
            "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
        )
        return [invalid(field, value, why)]
    return [] if int(value[:-1]) <= 100 else [invalid(field, value, "must not be greater than 100%")]


class BudgetStrategy(SpecStrategy):
    """A PodDisruptionBudget."""

    unconditional_update = False
    checks_finalizers = False

    def check(self, obj: Obj) -> list[Cause]:
        """Mistakes of the spec."""
        spec, found = obj.get("spec") or {}, []
        counts = {name: spec[name] for name in ("minAvailable", "maxUnavailable") if spec.get(name) is not None}
        policy = spec.get("unhealthyPodEvictionPolicy")
        if len(counts) == 2:
            shown = {
                "MinAvailable": counts["minAvailable"],
                "Selector": spec.get("selector"),
                "MaxUnavailable": counts["maxUnavailable"],
                "UnhealthyPodEvictionPolicy": policy,
            }
            found.append(invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set"))
        for name, value in counts.items():
            found += _check_count(f"spec.{name}", value)
        if policy is not None and policy not in _EVICTION:
            found.append(unsupported("spec.unhealthyPodEvictionPolicy", policy, _EVICTION))
        return found + check_object(spec.get("selector") or {}, "spec.selector")

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:  # noqa: ARG002 - everything may change
        """Mistakes of the new spec."""
        return self.check(new)


class IsolationStrategy(SpecStrategy):
    """A NetworkPolicy."""

    def default(self, obj: Obj) -> None:
        """Protocols, and the types that follow from the rules."""
        spec = obj.get("spec") or {}
        if not spec.get("policyTypes"):
            spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
        for _, rule in _rules(spec):
            for port in rule.get("ports") or ():
                port.setdefault("protocol", "TCP")

    def check(self, obj: Obj) -> list[Cause]:
        """Mistakes of the spec."""
        spec = obj.get("spec") or {}
        found = check_object(spec.get("podSelector") or {}, "spec.podSelector")
        for where, rule in _rules(spec):
            found += [
                c for i, port in enumerate(rule.get("ports") or ()) for c in _check_port(f"{where}.ports[{i}]", port)
            ]
            side = "from" if ".ingress[" in where else "to"
            found += [
                c for i, peer in enumerate(rule.get(side) or ()) for c in _check_peer(f"{where}.{side}[{i}]", peer)
            ]
        types = spec.get("policyTypes") or []
        if len(types) > len(_TYPES):
            return [*found, invalid("spec.policyTypes", types, "may not specify more than two policyTypes")]
        wrong = [(i, t) for i, t in enumerate(types) if t not in _TYPES]
        return found + [unsupported(f"spec.policyTypes[{i}]", t, _TYPES) for i, t in wrong]

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:  # noqa: ARG002 - everything may change
        """Mistakes of the new spec."""
        return self.check(new)


def _rules(spec: Obj) -> list[tuple[str, Obj]]:
    return [
        (f"spec.{side}[{i}]", rule) for side in ("ingress", "egress") for i, rule in enumerate(spec.get(side) or ())
    ]


def _check_port(where: str, port: Obj) -> list[Cause]:
    found, number = [], port.get("port")
    if port.get("protocol") not in _PROTOCOLS:
        found.append(unsupported(f"{where}.protocol", port.get("protocol"), _PROTOCOLS))
    if isinstance(number, int) and not 0 < number < 65536:
        found.append(invalid(f"{where}.port", number, "must be between 1 and 65535, inclusive"))
    return found


def _check_peer(where: str, peer: Obj) -> list[Cause]:
    given = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(name) is not None]
    if not given:
        return [required(where, "must specify a peer")]
    if "ipBlock" in given and len(given) > 1:
        return [forbidden(where, "may not specify both ipBlock and another peer")]
    return [c for name in given if name != "ipBlock" for c in check_object(peer[name], f"{where}.{name}")]
