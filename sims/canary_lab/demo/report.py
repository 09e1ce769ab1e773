"""What is told at the end of the demo, and line by line where there is no screen."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from canary_lab.demo.story import Chapter, Outcome
from canary_lab.demo.view import NAME, NAMESPACE, Event, View
from canary_lab.mesh.laptop import Laptop

__all__ = ["Lines", "keeping", "report"]


class Lines:
    """A view as the lines that are new in it."""

    def __init__(self) -> None:
        self._told: set[Event] = set()
        self._said = ""

    def of(self, view: View) -> list[str]:
        """What has not been told yet."""
        at = f"{int(view.elapsed_s) // 60}:{int(view.elapsed_s) % 60:02}"
        found = []
        state = f"{view.chapter} | {view.phase} {view.weight}"
        if state != self._said:
            found.append(f"{at}  {state} | users: {view.requests} requests, {view.failures} failed")
            self._said = state
        new = [event for event in view.events if event not in self._told]
        self._told.update(new)
        return found + [f"      {event.text}" for event in new]


def report(outcome: Outcome, folder: Path) -> RenderableType:
    """The end: what became of each version, and what users met."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("version", "ended", "after"):
        table.add_column(name)
    for name in ("user requests", "failed", "p50", "p99"):
        table.add_column(name, justify="right")
    for chapter in outcome.chapters:
        table.add_row(*_row(chapter))
    verdict = (
        Text("The good version is in operation, the bad one was taken back.", style="bold green")
        if outcome.ok
        else Text("That is not how it was to end.", style="bold red")
    )
    return Group(table, verdict, Text(f"Logs and configuration: {folder}"))


def keeping(laptop: Laptop) -> str:
    """What a person can do while everything is kept running."""
    proxy = laptop.addresses.proxies.get(NAMESPACE, "")
    prometheus = laptop.prometheus.url if laptop.prometheus is not None else ""
    return "\n".join(
        [
            "All goes on running until Ctrl-C. In another terminal:",
            f"  export KUBECONFIG={laptop.kubeconfig}",
            f"  kubectl -n {NAMESPACE} get canary,deployment,virtualservice,pod",
            f"  kubectl -n {NAMESPACE} set image deployment/{NAME} app=example.com/{NAME}:v4",
            f"  kubectl -n {NAMESPACE} set env deployment/{NAME} ERROR_RATE=5% LATENCY=10ms",
            f"  curl -x {proxy} http://{NAME}.{NAMESPACE}:8080/",
            f"Live page: {laptop.page}",
            f"Prometheus: {prometheus}   Envoy: {laptop.addresses.admin}",
        ]
    )


def _row(chapter: Chapter) -> tuple[Text | str, ...]:
    users = chapter.users
    return (
        chapter.version,
        Text(chapter.phase, style="green" if chapter.ok else "bold red"),
        f"{chapter.took_s:.0f} s",
        f"{users.count:,}",
        Text(f"{users.failed:,}", style="bold red" if users.failed else "green"),
        _milliseconds(users.p50_s),
        _milliseconds(users.p99_s),
    )


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"
