"""``canary validate``: every mistake of every document of every file, and what the good ones mean."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from canary_adapters.manifests import Canary, MetricTemplate, Mistake
    from canary_core.policy import Policy

__all__ = ["validate"]


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="YAML files; - is the standard input.")],
    mesh_provider: Annotated[
        str, typer.Option("--mesh-provider", help="What moves the traffic of canaries that do not say.")
    ] = "istio",
    as_json: Annotated[bool, typer.Option("--json", help="Print mistakes and policies as JSON.")] = False,
) -> None:
    """Check Canary, MetricTemplate and AlertProvider manifests, and say what each Canary means.

    Exit code 2 if anything is wrong in any of them.
    """
    from canary_adapters.cli.errors import BAD_INPUT

    outcome = _Outcome()
    outcome.take(files, mesh_provider)
    if as_json:
        typer.echo(outcome.as_json())
    else:
        outcome.show()
    if outcome.mistakes:
        raise typer.Exit(BAD_INPUT)


class _Outcome:
    """What was found in all files."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.good: list[tuple[Canary, Policy, tuple[str, ...]]] = []
        self.others = 0
        self.passed_over = 0

    def take(self, files: Iterable[Path], mesh_provider: str) -> None:
        """Read all files and judge their canaries, each together with the MetricTemplates of all of them."""
        from canary_adapters.manifests import survey_file

        surveys = [survey_file(file) for file in files]
        templates = {
            (template.metadata.namespace or "default", template.metadata.name): template
            for survey in surveys
            for template in survey.found.metric_templates
        }
        for survey in surveys:
            self.mistakes += survey.mistakes
            self.passed_over += survey.found.passed_over
            self.others += len(survey.found.metric_templates) + len(survey.found.alert_providers)
            for canary in survey.found.canaries:
                self._judge(canary, templates, mesh_provider)

    def _judge(
        self, canary: "Canary", templates: "Mapping[tuple[str, str], MetricTemplate]", mesh_provider: str
    ) -> None:
        from canary_adapters.manifests import ManifestError, misfits, policy_of, policy_warnings, refusal

        try:
            policy = policy_of(canary, mesh_provider=mesh_provider)
            if faults := list(misfits(canary, templates)):
                raise refusal(canary, faults)
        except ManifestError as error:
            self.mistakes += error.mistakes
        else:
            self.good.append((canary, policy, policy_warnings(canary, mesh_provider=mesh_provider)))

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
