"""What a pod of a controller has: address of the API server, authority to trust, token of its account."""

from __future__ import annotations

import itertools
import ssl
import subprocess
from pathlib import Path
from typing import Final, Self

from laboratories.lab import CANARY, Controller, Lab
from peers.tcp_proxy import TcpProxy

_IN_CLUSTER: Final = """
import sys, kubernetes.config.incluster_config as inside
folder = sys.argv.pop(1)
inside.SERVICE_TOKEN_FILENAME, inside.SERVICE_CERT_FILENAME = folder + "/token", folder + "/ca.crt"
from canary_adapters.cli.start import main
main()
"""


def new_authority(folder: Path) -> None:
    """A new authority and what it signs, written as a kubelet or cert-manager does: by replacing the files."""
    new = folder / "new"
    new.mkdir()
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca", "-days", "2", cwd=new)
    for name in ("server", "client"):
        _openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", cwd=new)
        (new / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1\n")
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
        _openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt", cwd=new)
    for file in new.iterdir():
        file.replace(folder / file.name)
    new.rmdir()


def _openssl(*args: str, cwd: Path) -> None:
    subprocess.run(["openssl", *args], cwd=cwd, check=True, capture_output=True, timeout=30)


def server_side(folder: Path, *, of_clients: bool) -> ssl.SSLContext:
    """What a server of this authority shows.

    Args:
        folder: Where the authority is.
        of_clients: Whether clients have to show a certificate, too.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.load_verify_locations(folder / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED if of_clients else ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # so that a client that is refused hears of it at once
    return context


class Pod:
    """Files as a kubelet projects them, and a TLS front of the API server. A context manager."""

    _numbers = itertools.count(1)

    def __init__(self, lab: Lab, folder: Path, account: str) -> None:
        """Makes the account, an administrator, and its first token.

        Args:
            lab: Where.
            folder: For the files; empty.
            account: Its name.
        """
        self._lab, self._folder, self._account = lab, folder, account
        new_authority(folder)
        lab.kubectl("create", "serviceaccount", account, "-n", "default")
        binding = ("--clusterrole=cluster-admin", f"--serviceaccount=default:{account}")
        lab.kubectl("create", "clusterrolebinding", account, *binding)
        self.front = TcpProxy(int(lab.cluster.url.rpartition(":")[2]), server_side(folder, of_clients=False))
        self.token = self.new_token()
        self.project(self.token)

    def __enter__(self) -> Self:
        self.front.__enter__()
        return self

    def __exit__(self, *what: object) -> None:
        self.front.__exit__(*what)

    @property
    def user(self) -> str:
        """Who its requests come from."""
        return f"system:serviceaccount:default:{self._account}"

    def new_token(self) -> tuple[str, str]:
        """A token, and the Secret that it is bound to."""
        life = f"{self._account}-{next(self._numbers)}"
        self._lab.kubectl("create", "secret", "generic", life, "-n", "default")
        bound = ("--bound-object-kind=Secret", f"--bound-object-name={life}")
        return self._lab.kubectl("create", "token", self._account, "-n", "default", *bound).strip(), life

    def project(self, token: tuple[str, str]) -> None:
        """Have a token in the file, which is replaced in one step."""
        (self._folder / "token.new").write_text(token[0])
        (self._folder / "token.new").replace(self._folder / "token")

    def revoke(self, token: tuple[str, str]) -> None:
        """Have the API server refuse a token from now on."""
        self._lab.kubectl("delete", "secret", token[1], "-n", "default")

    def replace_authority(self) -> None:
        """New certificates on both sides, and no connection that knows the old ones."""
        new_authority(self._folder)
        self.front.tls = server_side(self._folder, of_clients=False)
        self.front.cut()

    def start(self, *flags: str) -> Controller:
        """Start the controller in it, and wait until it serves."""
        python = str(Path(CANARY).parent / "python")
        command = [python, "-c", _IN_CLUSTER, str(self._folder), "controller", "-port=0", "-minimum-interval=1s"]
        command += [f"-metrics-server={self._lab.prometheus.url}", "-log-level=debug", *flags]
        address = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.front.port)}
        found = Controller(command, self._folder / "controller.log", address)
        self._lab.controllers.append(found)
        found.wait_ready()
        return found
