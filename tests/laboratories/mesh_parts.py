"""An Envoy and a few demo apps without a cluster, and builders of what the mesh routes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from canary_lab.cluster.store import Obj
from canary_lab.mesh import app as demo_app
from canary_lab.mesh.addresses import Addresses
from canary_lab.mesh.container import listens
from canary_lab.mesh.envoy import Envoy
from canary_lab.mesh.programs import free_port
from canary_lab.mesh.snapshot import Backend, ServicePort, Sidecar, Snapshot
from canary_lab.mesh.xds import render
from laboratories.lab import eventually

NAMESPACE = "demo"
PORT = 8080
PRIMARY, CANARY = "app-primary", "app-canary"


def a_port(service: str, *ports: int, workload: str = "", port: int = PORT, is_tcp: bool = False) -> ServicePort:
    """A port of a Service with these processes behind it."""
    name = workload or service
    return ServicePort(
        namespace=NAMESPACE,
        service=service,
        port=port,
        is_tcp=is_tcp,
        workloads=(name,),
        backends=tuple(Backend(workload=name, port=each) for each in ports),
    )


def a_virtual_service(*http: Obj, name: str = "app", tcp: list[Obj] | None = None, **spec: Any) -> Obj:
    """A VirtualService for the host `app`."""
    parts = {"hosts": ["app"], **({"tcp": tcp} if tcp else {"http": list(http)}), **spec}
    return {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": parts}


def a_rule(host: str, **policy: Any) -> Obj:
    """A DestinationRule."""
    return {
        "metadata": {"name": host, "namespace": NAMESPACE},
        "spec": {"host": host, "trafficPolicy": policy},
    }


def to(host: str, weight: int | None = None, **more: Any) -> Obj:
    """A destination of a route."""
    return {"destination": {"host": host}, **({} if weight is None else {"weight": weight}), **more}


def split(weight: int) -> list[Obj]:
    """The destinations of a split."""
    return [to(PRIMARY, 100 - weight), to(CANARY, weight)]


class App:
    """A demo app as a process."""

    def __init__(self, version: str, **environment: str) -> None:
        self.port, self.tcp_port = free_port(), free_port()
        told = {"VERSION": version, "PORT": str(self.port), "TCP_PORT": str(self.tcp_port), "HOSTNAME": version}
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", demo_app.__file__],
            env={**os.environ, **told, **environment},
        )

    def stop(self) -> int:
        """End it in order, and return its exit code."""
        self.process.terminate()
        return self.process.wait(20)


class Mesh:
    """Envoy, with primary, canary and what else a test adds; not a cluster anywhere."""

    def __init__(self, folder: Path) -> None:
        self.envoy = Envoy(folder)
        self.primary, self.canary = App("v1"), App("v2")
        self.apps = [self.primary, self.canary]
        self.snapshot = Snapshot()

    def __enter__(self) -> Self:
        self.envoy.start()
        eventually(lambda: all(listens(app.port) for app in self.apps))
        self.route()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self.apps:
            each.stop()
        self.envoy.stop()

    def route(
        self,
        *virtual_services: Obj,
        rules: tuple[Obj, ...] = (),
        ports: tuple[ServicePort, ...] | None = None,
        sidecars: tuple[Sidecar, ...] = (),
    ) -> Addresses:
        """Have Envoy route so, and return where it listens."""
        usual = (
            a_port("app", self.primary.port, workload=PRIMARY),
            a_port(PRIMARY, self.primary.port),
            a_port(CANARY, self.canary.port, workload="app"),
        )
        self.snapshot = Snapshot(
            ports=usual if ports is None else ports,
            virtual_services=virtual_services,
            destination_rules=rules,
            sidecars=(Sidecar(name=f"mesh:{NAMESPACE}", namespace=NAMESPACE), *sidecars),
        )
        self.envoy.apply(render(self.snapshot, self.envoy.files))
        return Addresses.of(admin=self.envoy.admin, pid=self.envoy.pid, listeners=self.envoy.ports(), pods={})
