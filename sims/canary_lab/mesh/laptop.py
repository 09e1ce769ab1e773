"""All of it on one machine: a cluster, its mesh, Prometheus and the controller, each a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import yaml

from canary_adapters.kubernetes.crds import definitions
from canary_lab.cluster.crds import istio
from canary_lab.mesh.addresses import Addresses, through
from canary_lab.mesh.processes import Command, CommandError, until
from canary_lab.mesh.prometheus import Prometheus
from canary_lab.mesh.tools import pod_programs

__all__ = ["Laptop"]

_PATIENCE_S: Final = 90.0
_LISTENING: Final = re.compile(r"listening on port (\d+)")
_ADDRESS: Final = re.compile(r"http://\S+#key=\S+")
_HOME: Final = "default"
"""The namespace whose proxy the controller uses."""


class Laptop:
    """A whole installation; a context manager. The controller is started by `start_controller`."""

    def __init__(self, folder: Path, *, stand_ins: bool = False) -> None:
        """Makes one that does not run yet.

        Args:
            folder: For everything that is written: logs, configuration, the kubeconfig.
            stand_ins: Whether Prometheus and hey are done without also where they are installed.
        """
        self.folder = folder.resolve()
        self.kubeconfig = self.folder / "kubeconfig"
        self._stand_ins = stand_ins
        self._cluster = self._command("cluster", "--no-play-pods", f"--kubeconfig={self.kubeconfig}")
        self._mesh: Command | None = None
        self.controllers: list[Command] = []
        """All that were ever started."""
        self.prometheus: Prometheus | None = None
        self.page = ""
        """Address of the live page, with its key; empty: it is not served."""
        self._page: Command | None = None
        self.has_hey = False
        """Whether the load of the load tester comes from hey itself."""

    @property
    def addresses(self) -> Addresses:
        """Where things are now."""
        return Addresses.load(self.folder)

    def start(self) -> Self:
        """Start all but the controller.

        Raises:
            CommandError: A process does not come up.
            PrometheusError: Prometheus does not.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        Addresses.forget(self.folder)  # those of an earlier run in this folder
        programs, self.has_hey = pod_programs(self.folder / "programs", stand_in=self._stand_ins)
        self._cluster.start("export KUBECONFIG=")
        self.kubectl("apply", "-f", "-", stdin=self._definitions())
        mesh = self._command(
            "mesh", f"--kubeconfig={self.kubeconfig}", f"--folder={self.folder}", f"--programs={programs}"
        )
        self._mesh = mesh
        mesh.start("the mesh runs")
        until(lambda: _HOME in self.addresses.proxies, _PATIENCE_S, f"the mesh has no proxy, see {mesh.log}")
        prometheus = Prometheus(self.addresses.admin, self.folder / "prometheus", stand_in=self._stand_ins)
        self.prometheus = prometheus.start()
        return self

    def stop(self) -> None:
        """End everything, in the order in which nobody complains."""
        if self._page is not None:
            self._page.stop()
        for controller in self.controllers:
            controller.stop()
        if self.prometheus is not None:
            self.prometheus.stop()
        if self._mesh is not None:
            self._mesh.stop()
        self._cluster.stop()

    def start_controller(self, *flags: str) -> Command:
        """Start a controller and wait until it serves.

        Args:
            flags: Beside those that say where all is.

        Raises:
            CommandError: It does not come up.
        """
        proxy = self.addresses.proxies[_HOME]
        number = len(self.controllers)
        found = Command(
            "controller",
            f"-kubeconfig={self.kubeconfig}",
            "-port=0",
            f"-metrics-server={self.prometheus.url if self.prometheus else ''}",
            *flags,
            log=self.folder / f"controller{f'-{number}' if number else ''}.log",
            environment=through(proxy),
        )
        self.controllers.append(found)
        found.start("listening on port")
        if self.prometheus is not None:
            self.prometheus.scrape([f"127.0.0.1:{port}" for each in self.controllers for port in _ports(each)])
        return found

    def start_page(self) -> None:
        """Start the live page of all canaries, with buttons.

        Raises:
            CommandError: It does not come up.
        """
        self._page = self._command("dashboard", "--all-namespaces", "--verbs", f"--kubeconfig={self.kubeconfig}")
        self._page.log.touch(mode=0o600)  # it has the key
        self._page.start("#key=")
        found = _ADDRESS.search(self._page.text())
        self.page = found[0] if found is not None else ""

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run the real kubectl.

        Returns:
            What it prints.

        Raises:
            CommandError: It fails; with what it says.
        """
        kubectl = str(Path(sys.executable).with_name("kubectl"))
        done = subprocess.run(  # noqa: S603 - no shell
            [kubectl, f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
        )
        if done.returncode != 0:
            raise CommandError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self, name: str, *arguments: str) -> Command:
        return Command(name, *arguments, log=self.folder / f"{name}.log")

    @staticmethod
    def _definitions() -> str:
        return f"{yaml.safe_dump_all(definitions())}---\n{istio()}"


def _ports(controller: Command) -> list[str]:
    """Where a controller tells its metrics, if it still runs."""
    return _LISTENING.findall(controller.text()) if controller.pid else []
