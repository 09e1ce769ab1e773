"""Addresses of Services and Pods."""

from __future__ import annotations

import ipaddress
from collections.abc import Container
from itertools import count

from canary_lab.cluster.errors import invalid, invalid_error
from canary_lab.cluster.store import Store

SERVICES = ipaddress.ip_network("10.96.0.0/16")
NODE_PORTS = range(30000, 32768)
_PODS = ipaddress.ip_network("10.244.0.0/16")


class Addresses:
    """Gives out addresses; those of Services are unique."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next_pod = count(2)

    def allocate(self, wanted: str, name: str) -> str:
        """A free address for a Service, or the one that is wanted.

        Raises:
            ApiError: 422, that one is taken or out of range.
        """
        taken = {s["spec"].get("clusterIP") for s in self._store.all("core/services")}
        if not wanted:
            return next(str(a) for a in SERVICES.hosts() if str(a) not in taken)
        why = ""
        if wanted in taken:
            why = f"failed to allocate IP {wanted}: provided IP is already allocated"
        elif ipaddress.ip_address(wanted) not in SERVICES:
            why = f"failed to allocate IP {wanted}: the provided IP ({wanted}) is not in the valid range. "
            why += f"The range of valid IPs is {SERVICES}"
        if why:
            raise invalid_error("", "Service", name, [invalid("spec.clusterIPs", [wanted], why)])
        return wanted

    def allocate_port(self, own: Container[int | None]) -> int:
        """A port of the nodes that no Service has.

        Args:
            own: What the Service that asks has already.
        """
        taken = self._taken_ports()
        return next(port for port in NODE_PORTS if port not in taken and port not in own)

    def port_objection(self, wanted: int) -> str:
        """Why a Service cannot have a port of the nodes. Empty: it can."""
        if wanted not in NODE_PORTS:
            first, last = NODE_PORTS[0], NODE_PORTS[-1]
            return f"provided port is not in the valid range. The range of valid ports is {first}-{last}"
        return "provided port is already allocated" if wanted in self._taken_ports() else ""

    def _taken_ports(self) -> set[int | None]:
        services = self._store.all("core/services")
        return {port.get("nodePort") for service in services for port in service["spec"].get("ports") or ()}

    def for_pod(self) -> str:
        """The next address for a Pod."""
        return str(_PODS[next(self._next_pod) % _PODS.num_addresses])
