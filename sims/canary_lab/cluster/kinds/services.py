# ruff: noqa: D102
# Hooks take what some kind needs; they are described in `Strategy`.
"""Services: ports, and addresses that stay."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from canary_lab.cluster.errors import Cause, duplicate, invalid, invalid_error, required, unsupported
from canary_lab.cluster.kinds.base import Allocator, Obj, Strategy
from canary_lab.cluster.names import label_error, label_key_error, port_name_errors

_PROTOCOLS = ("SCTP", "TCP", "UDP")


class ServiceStrategy(Strategy):
    """A Service. It gets its address when it is created and keeps it."""

    create_on_update = True
    answers_deleted_object = True

    def __init__(self, allocator: Allocator) -> None:
        self._allocator = allocator

    def default(self, obj: Obj) -> None:
        spec = obj["spec"]
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("sessionAffinity", "None")
        if spec["sessionAffinity"] == "ClientIP":
            sticky = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
            sticky.setdefault("timeoutSeconds", 10800)
        for port in spec.get("ports") or ():
            port.setdefault("protocol", "TCP")
            if not port.get("targetPort"):
                port["targetPort"] = port["port"]
        if spec["type"] == "ExternalName":
            return
        spec.setdefault("internalTrafficPolicy", "Cluster")
        if spec["type"] != "ClusterIP":
            spec.setdefault("externalTrafficPolicy", "Cluster")
        if spec["type"] == "LoadBalancer":
            spec.setdefault("allocateLoadBalancerNodePorts", True)

    def prepare_create(self, obj: Obj) -> None:
        obj["status"] = {"loadBalancer": {}}
        spec = obj["spec"]
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]

    def prepare_update(self, new: Obj, old: Obj) -> None:
        new_spec, old_spec = new["spec"], old["spec"]
        if new_spec["type"] == "ExternalName":
            _give_up_address(new_spec, old_spec)
            return
        if not new_spec.get("clusterIP"):
            for key in ("clusterIP", "clusterIPs"):
                if key in old_spec:
                    new_spec[key] = old_spec[key]
        elif new_spec["clusterIP"] != old_spec.get("clusterIP"):
            new_spec["clusterIPs"] = [new_spec["clusterIP"]]
        for key in ("ipFamilies", "ipFamilyPolicy"):
            if key in old_spec:
                new_spec.setdefault(key, old_spec[key])
        _keep_node_ports(new_spec, old_spec)

    def finish_create(self, obj: Obj) -> None:
        if obj["spec"]["type"] != "ExternalName":
            self._address(obj)
        self._open(obj, None)

    def finish_update(self, new: Obj, old: Obj) -> None:
        if old["spec"]["type"] == "ExternalName" != new["spec"]["type"]:
            self._address(new)
        self._open(new, old)

    def _open(self, obj: Obj, old: Obj | None) -> None:
        """Every port gets one of the nodes' ports, where the kind of Service needs one.

        Ports of one number, which differ by their protocol, share it in a Service that is created, and only there.
        """
        ports = (obj["spec"].get("ports") or ()) if _needs_node_ports(obj["spec"]) else ()
        _check_node_ports(obj["metadata"]["name"], ports, old, self._allocator)
        shared = {each["port"]: each["nodePort"] for each in reversed(ports) if each.get("nodePort")}
        for port in ports:
            own = {each.get("nodePort") for each in ports}
            known = port.get("nodePort") or (shared.get(port["port"]) if old is None else None)
            port["nodePort"] = known or self._allocator.allocate_port(own)
            shared.setdefault(port["port"], port["nodePort"])

    def _address(self, obj: Obj) -> None:
        spec = obj["spec"]
        wanted = spec.get("clusterIP", "")
        if wanted != "None":
            spec["clusterIP"] = self._allocator.allocate(wanted, obj["metadata"]["name"])
        spec["clusterIPs"] = [spec["clusterIP"]]
        anywhere = wanted == "None" and not spec.get("selector")  # its endpoints may have addresses of any family
        spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if anywhere else ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "RequireDualStack" if anywhere else "SingleStack")

    def check(self, obj: Obj) -> list[Cause]:
        spec = obj["spec"]
        found = []
        if not spec.get("ports") and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
            found.append(required("spec.ports"))
        found += _check_ports(spec.get("ports") or [])
        address = spec.get("clusterIP")
        if address and address != "None" and not _is_address(address):
            why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            found.append(invalid("spec.clusterIPs[0]", address, why))
        return found

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        was, now = old["spec"].get("clusterIPs"), new["spec"].get("clusterIPs")
        if was and now and was != now and new["spec"]["type"] != "ExternalName":
            return [invalid("spec.clusterIPs[0]", now, "may not change once set")]
        return self.check(new)


def _key(port: Obj) -> tuple[str, int]:
    return port.get("protocol", "TCP"), port["port"]


def _keep_node_ports(new: Obj, old: Obj) -> None:
    """What was given to a port stays with it, and goes where the kind of Service does not need it any more."""
    had = {_key(port): port["nodePort"] for port in old.get("ports") or () if port.get("nodePort")}
    for port in new.get("ports") or ():
        if _needs_node_ports(new):
            kept = port.get("nodePort") or had.get(_key(port))
            port.update({"nodePort": kept} if kept else {})
        elif port.get("nodePort") == had.get(_key(port)):
            port.pop("nodePort", None)


def _check_node_ports(name: str, ports: Sequence[Obj], old: Obj | None, allocator: Allocator) -> None:
    """Refuse a port of the nodes that cannot be had."""
    had = {port.get("nodePort") for port in (old["spec"].get("ports") or () if old is not None else ())}
    for index, port in enumerate(ports):
        wanted = port.get("nodePort")
        why = allocator.port_objection(wanted) if wanted and wanted not in had else ""
        if why:
            raise invalid_error("", "Service", name, [invalid(f"spec.ports[{index}].nodePort", wanted, why)])


def _needs_node_ports(spec: Obj) -> bool:
    balanced = spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)
    return bool(spec["type"] == "NodePort" or balanced)


def _give_up_address(new: Obj, old: Obj) -> None:
    """A Service that becomes a name has none of what belongs to an address, unless the client changes just that."""
    if new.get("clusterIP") not in (None, "", old.get("clusterIP")):
        return
    for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
        new.pop(key, None)


def _check_ports(ports: list[dict[str, Any]]) -> list[Cause]:
    found = []
    for i, port in enumerate(ports):
        where = f"spec.ports[{i}]"
        if len(ports) > 1 and not port.get("name"):
            found.append(required(f"{where}.name"))
        elif port.get("name") and (problem := label_error(port["name"])):
            found.append(invalid(f"{where}.name", port["name"], problem))
        if port["protocol"] not in _PROTOCOLS:
            found.append(unsupported(f"{where}.protocol", port["protocol"], _PROTOCOLS))
        for key in ("port", "targetPort"):
            value = port.get(key)
            if isinstance(value, int) and not 0 < value < 65536:
                found.append(invalid(f"{where}.{key}", value, "must be between 1 and 65535, inclusive"))
        target, protocol = port.get("targetPort"), port.get("appProtocol")
        if isinstance(target, str):
            found += [invalid(f"{where}.targetPort", target, problem) for problem in port_name_errors(target)]
        if protocol is not None and (problem := label_key_error(protocol)):
            found.append(invalid(f"{where}.appProtocol", protocol, problem))
    return found + _check_twice(ports)


def _check_twice(ports: list[dict[str, Any]]) -> list[Cause]:
    """Names, and numbers of a protocol, that more than one port has."""
    found, names, numbers = [], set[str](), set[tuple[str, int]]()
    for i, port in enumerate(ports):
        name, number = port.get("name", ""), (port["protocol"], port["port"])
        if name and name in names:
            found.append(duplicate(f"spec.ports[{i}].name", name))
        if number in numbers:
            shown = {"Name": "", "Protocol": number[0], "AppProtocol": None, "Port": number[1]}
            found.append(duplicate(f"spec.ports[{i}]", {**shown, "TargetPort": 0, "NodePort": 0}))
        names.add(name)
        numbers.add(number)
    return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
