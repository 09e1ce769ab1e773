"""``canary explain``: why a rollout stands where it does, and how it goes on."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from canary_adapters.cli.steering import Context, Kubeconfig, Name, Namespace, at_desk, bare_name, check_format

if TYPE_CHECKING:
    from rich.text import Text

    from canary_adapters.steering.outlook import Outlook
    from canary_core import Forecast

__all__ = ["explain"]


def explain(
    name: Name,
    namespace: Namespace = "",
    output: Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help="json.")] = "",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say why a rollout stands where it does, what it waits for, and when it is over: at best, as now, and at worst.

    The machine that decides is run forward from the record in the status. Pods are taken to be ready at once.

    Exit codes: 0 shown; 1 not found or forbidden; 2 bad input; 3 no answer from the API server.
    """
    import time

    from rich.console import Console

    from canary_adapters.steering.outlook import outlook
    from canary_adapters.steering.view import CanaryView

    check_format(output, "json")
    with at_desk(kubeconfig, context, namespace) as place:
        obj = place.desk.canary(place.namespace, bare_name(name))
    view, now_s = CanaryView.of(obj), time.time()
    found = outlook(obj, now_s)
    if output == "json":
        typer.echo(_as_json(view, found))
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in (*_standing(view, now_s), *_course(found, now_s)):
        console.print(line)


def _standing(view: Any, now_s: float) -> "list[Text]":
    from rich.text import Text

    from canary_adapters.steering.pages import phase_text
    from canary_adapters.steering.view import age

    since = f" for {age(now_s - view.since_s)}" if view.since_s is not None else ""
    head = Text.assemble((f"{view.namespace}/{view.name}", "bold"), " is ", phase_text(view.phase), since)
    return [
        Text.assemble(head, f", the canary has {view.weight} %"),
        Text.assemble(("Because:    ", "bold"), view.message or view.reason or "-"),
        Text.assemble(("Waits for:  ", "bold"), view.waits_for or "nothing"),
    ]


def _course(found: "Outlook | str", now_s: float) -> "list[Text]":
    from rich.text import Text

    from canary_adapters.steering.outlook import described
    from canary_adapters.steering.pages import phase_text, rows
    from canary_adapters.steering.view import age, clock

    if isinstance(found, str):
        return [Text.assemble(("At best:    ", "bold"), f"cannot be told: {found}")]
    lines = [
        [
            Text(f"  in {age(stage.at_s - now_s)}", style="dim"),
            Text(clock(stage.at_s), style="dim"),
            phase_text(stage.phase.value),
            Text(described(stage, found.policy)),
        ]
        for stage in found.at_best.stages[1:]
    ]
    return [
        Text.assemble(("At best:    ", "bold"), _end(found.at_best, now_s)),
        *rows(lines, []),
        *([_if("As now:", found.as_now, "checks go on as they came out last", now_s)] if found.as_now else []),
        _if("At worst:", found.at_worst, "every check fails from now on", now_s),
    ]


def _if(name: str, found: "Forecast", assumed: str, now_s: float) -> "Text":
    from rich.text import Text

    return Text.assemble((name.ljust(12), "bold"), f"{_end(found, now_s)}, if {assumed}")


def _end(found: "Forecast", now_s: float) -> str:
    from canary_adapters.steering.view import age, clock

    last = found.stages[-1].phase.value
    if found.over_s is None:
        return f"stays {last}: nobody knows for how long"
    return f"{last} in {age(found.over_s - now_s)}, at {clock(found.over_s)}"


def _as_json(view: Any, found: "Outlook | str") -> str:
    import json

    facts = {"namespace": view.namespace, "name": view.name, "phase": view.phase, "weight": view.weight}
    why = {"reason": view.reason, "message": view.message, "waitsFor": view.waits_for}
    if isinstance(found, str):
        return json.dumps({**facts, **why, "unknown": found})
    courses = {"atBest": found.at_best, "asNow": found.as_now, "atWorst": found.at_worst}
    foretold = {name: _forecast(each) for name, each in courses.items() if each is not None}
    return json.dumps({**facts, **why, **foretold})


def _forecast(found: "Forecast") -> dict[str, Any]:
    from canary_adapters.kubernetes.store.status import rfc3339

    stages = [
        {
            "at": rfc3339(each.at_s),
            "phase": each.phase.value,
            "weight": each.traffic.canary_weight,
            "mirrored": each.traffic.mirrored,
        }
        for each in found.stages
    ]
    over = rfc3339(found.over_s) if found.over_s is not None else None
    return {"over": over, "outcome": found.outcome.value if found.outcome is not None else None, "stages": stages}
