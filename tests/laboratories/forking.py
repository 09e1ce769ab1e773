"""The program that `laboratories.forked` asks: it has imported what a ``canary`` command needs, and forks for each.

It runs by itself, with one end of a socket to whoever asks, and ends with that.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import select
import signal
import socket
import sys
from importlib import import_module
from typing import Any

MOST = 1 << 17
"""Bytes of a request: command line, folder and environment."""
READ_AT_IMPORT = "KUBE_CONFIG_DEFAULT_LOCATION"
"""What the client library reads of the environment when it is imported, and so before a command has its own."""


def main() -> None:
    """Serve until nobody can ask any more; in a process that was forked, run the command and end with it."""
    for module in ("cli.main", "controller.controller", "loadtester.service"):
        import_module(f"canary_adapters.{module}")
    run: Any = import_module("canary_adapters.cli.start").main
    gc.freeze()  # or else each process would copy the pages of what it never changes
    if _is_command(socket.socket(fileno=int(sys.argv[1]))):
        run()


def _is_command(asked: socket.socket) -> bool:
    """Whether this is a process that was forked, with all that its command is to find. False: nobody asks any more."""
    heard, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    reports: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([asked, heard], [], [])
        if heard in ready:
            heard.recv(MOST)
            _report(reports)
        if asked not in ready:
            continue
        text, files, _, _ = socket.recv_fds(asked, MOST, 4)
        if not text:
            return False
        pid = os.fork()
        if not pid:
            for each in (asked, heard, wakes):
                each.close()
            for number in reports.values():
                os.close(number)
            _become(json.loads(text), files)
            return True
        reports[pid] = files.pop()
        for number in files:
            os.close(number)
        asked.send(str(pid).encode())


def _report(reports: dict[int, int]) -> None:
    """Write the exit codes of all that have ended, each where it is waited for."""
    while reports:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        number = reports.pop(pid)
        os.write(number, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(number)


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Have what a process finds that is started with this command line: folder, environment, files, signals."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, opened in enumerate(files[:3]):
        os.dup2(opened, number)
    for opened in files:
        os.close(opened)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["command"]
    location = os.environ.get("KUBECONFIG", "~/.kube/config")
    for module in list(sys.modules.values()):
        if hasattr(module, READ_AT_IMPORT):
            setattr(module, READ_AT_IMPORT, location)
    if "PYTHONFAULTHANDLER" in os.environ:
        faulthandler.enable()


if __name__ == "__main__":
    main()
