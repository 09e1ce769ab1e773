"""``canary validate``: every mistake of every document of every file, and what the good ones mean."""

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from canary_adapters.cli.server import Server
    from canary_adapters.manifests import Canary, Given, MetricTemplate, Mistake
    from canary_core.policy import Policy

__all__ = ["validate"]


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="YAML files; - is the standard input.")],
    mesh_provider: Annotated[
        str, typer.Option("--mesh-provider", help="What moves the traffic of canaries that do not say.")
    ] = "istio",
    as_json: Annotated[bool, typer.Option("--json", help="Print mistakes and policies as JSON.")] = False,
    server: Annotated[
        bool,
        typer.Option(
            "--server",
            help="Rehearse each Canary on an API server as well: what it would refuse or change of the objects that "
            "the controller makes, and what is in the way there. Nothing is stored.",
        ),
    ] = False,
    kubeconfig: Annotated[
        Path | None, typer.Option(metavar="FILE", help="How to reach the API server. Default: as kubectl.")
    ] = None,
    context: Annotated[str, typer.Option(metavar="NAME", help="Context of the kubeconfig. Default: the current.")] = "",
) -> None:
    """Check Canary, MetricTemplate and AlertProvider manifests, and say what each Canary means.

    Exit code 2 if anything is wrong in any of them, or if the API server does not answer.
    """
    from canary_adapters.cli.errors import BAD_INPUT
    from canary_adapters.cli.server import Server
    from canary_adapters.manifests import Served

    if mesh_provider not in Served.installed().providers:
        known = ", ".join(Served.installed().providers)
        raise typer.BadParameter(f"{mesh_provider} is not served: must be one of {known}", param_hint="--mesh-provider")
    if not server and (kubeconfig is not None or context):
        raise typer.BadParameter("is for --server", param_hint="--kubeconfig" if kubeconfig else "--context")
    with Server(kubeconfig, context, mesh_provider) if server else nullcontext() as asked:
        outcome = _Outcome(mesh_provider, asked)
        outcome.take(files)
    if as_json:
        typer.echo(outcome.as_json())
    else:
        outcome.show()
    if outcome.mistakes:
        raise typer.Exit(BAD_INPUT)


class _Outcome:
    """What was found in all files."""

    def __init__(self, mesh_provider: str, server: "Server | None") -> None:
        self._mesh_provider, self._server = mesh_provider, server
        self.mistakes: list[Mistake] = []
        self.good: list[tuple[Canary, Policy, tuple[str, ...]]] = []
        self.others = 0
        self.passed_over = 0

    def take(self, files: Iterable[Path]) -> None:
        """Read all files and judge their canaries, each among what stands in all of them."""
        from canary_adapters.manifests import Given, Manifests, survey_file

        surveys = [survey_file(file) for file in files]
        everything = sum((survey.found for survey in surveys), Manifests())
        self.passed_over = everything.passed_over
        self.others = len(everything.metric_templates) + len(everything.alert_providers)
        given = Given(everything)
        for survey in surveys:
            self.mistakes += survey.mistakes
            for template in survey.found.metric_templates:
                self._judge_template(template)
            for canary in survey.found.canaries:
                self._judge(canary, given)

    def _judge(self, canary: "Canary", given: "Given") -> None:
        from canary_adapters.manifests import (
            ManifestError,
            Served,
            misfits,
            policy_of,
            policy_warnings,
            provider_of,
            refusal,
            unserved,
        )
        from canary_adapters.manifests.istio_rules import ISTIO, refused_by_istio
        from canary_adapters.manifests.structure import ABSENT

        try:
            policy = policy_of(canary, mesh_provider=self._mesh_provider)
            wrong = unserved(canary, Served.installed(), mesh_provider=self._mesh_provider)
            faults = [(each.path, each.value, each.allowed) for each in wrong]
            faults += [*given.port_faults(canary), *misfits(canary, given.templates)]
            if provider_of(canary, self._mesh_provider) == ISTIO:
                faults += refused_by_istio(canary)
            if self._server is not None and not faults:
                faults += [((), ABSENT, text) for text in self._server.faults(canary, policy)]
            if faults:
                raise refusal(canary, faults)
        except ManifestError as error:
            self.mistakes += error.mistakes
            return
        missing = tuple(f"{each.field}: {each} is in none of the files" for each in given.missing(canary))
        self.good.append((canary, policy, policy_warnings(canary, mesh_provider=self._mesh_provider) + missing))

    def _judge_template(self, template: "MetricTemplate") -> None:
        from canary_adapters.manifests import Served, refusal, unserved_template

        wrong = unserved_template(template, Served.installed())
        if wrong:
            self.mistakes += refusal(template, ((each.path, each.value, each.allowed) for each in wrong)).mistakes

    def show(self) -> None:
        """Print for people: mistakes to stderr, the rest to stdout."""
        from rich.console import Console
        from rich.text import Text

        from canary_adapters.manifests import describe_policy

        def say(console: Console, *parts: str | tuple[str, str]) -> None:
            console.print(Text.assemble(*parts), soft_wrap=True)

        out, err = Console(highlight=False), Console(stderr=True, highlight=False)
        for mistake in self.mistakes:
            say(err, ("error: ", "bold red"), str(mistake))
        for canary, policy, warnings in self.good:
            say(out, (f"{canary.namespace}/{canary.name}", "bold green"), f": {describe_policy(policy)}")
            for warning in warnings:
                say(out, ("  warning: ", "yellow"), warning)
        for line in self._remarks():
            say(out, line)

    def _remarks(self) -> Iterable[str]:
        if self.others:
            yield _count(self.others, "MetricTemplate or AlertProvider", "MetricTemplates and AlertProviders")
        if self.passed_over:
            yield f"{_count(self.passed_over, 'object', 'objects')} of other kinds passed over"
        if not self.good and not self.mistakes:
            yield "no Canary"

    def as_json(self) -> str:
        """Everything, for programs."""
        import json

        from attrs import asdict

        from canary_adapters.manifests import describe_policy

        canaries = [
            {
                "file": canary.source.file,
                "document": canary.source.document,
                "namespace": canary.namespace,
                "name": canary.name,
                "policy": _plain(policy),
                "description": describe_policy(policy),
                "warnings": list(warnings),
            }
            for canary, policy, warnings in self.good
        ]
        mistakes = [asdict(mistake) for mistake in self.mistakes]
        whole = {"mistakes": mistakes, "canaries": canaries, "passed_over": self.passed_over}
        return json.dumps(whole, indent=2)


def _plain(policy: "Policy") -> dict[str, Any]:
    from enum import Enum

    from attrs import asdict

    def simple(_instance: object, _field: object, value: Any) -> Any:
        return value.value if isinstance(value, Enum) else value

    plain = asdict(policy, filter=lambda one, _: not one.name.startswith("_"), value_serializer=simple)
    plain["strategy"] = {"type": type(policy.strategy).__name__} | plain["strategy"]
    return plain


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
