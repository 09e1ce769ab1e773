"""Lines of JSON: one object per tick, then one for the outcome. The schema is described in ``docs/simulate.md``.

Fields are only ever added within a schema version; a program that reads it ignores what it does not know.
"""

import enum
import json
from collections.abc import Iterator
from typing import Any, Final

import attrs

from canary_core import Notice, Sample, SourceError, Verdict
from canary_core.messages import Names, code, message
from canary_sims.report.words import ending_text, happening_text
from canary_sims.simulation import Happened, Measured, Run, TickRecord

__all__ = ["SCHEMA", "to_lines"]

SCHEMA: Final = 1
"""Version of the schema. It changes when a field is taken away or gets another meaning."""

_DIGITS: Final = 4
"""Of fractions, so that no platform's last bit shows."""


def to_lines(run: Run) -> Iterator[str]:
    """The lines, without line ends."""
    for tick in run.ticks:
        yield _dump(_tick(tick, run.names))
    yield _dump(_outcome(run))


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, allow_nan=False)


def _tick(tick: TickRecord, names: Names) -> dict[str, Any]:
    traffic, counts = tick.traffic, tick.counts
    return {
        "schema": SCHEMA,
        "type": "tick",
        "time": _plain(tick.time_s),
        "phase": tick.phase.value,
        "status_weight": tick.weight,
        "canary_weight": traffic.canary_weight if traffic is not None else None,
        "primary_weight": traffic.primary_weight if traffic is not None else None,
        "mirrored": traffic is not None and traffic.mirrored,
        "audience": traffic.audience.value if traffic is not None else None,
        "failed_checks": counts.failed,
        "no_data_checks": counts.no_data,
        "error_checks": counts.errors,
        "iterations": tick.rollout.iterations,
        "primary_revision": tick.primary.revision,
        "primary_replicas": tick.primary.wanted,
        "primary_ready": tick.primary.ready,
        "canary_revision": tick.canary.revision,
        "canary_replicas": tick.canary.wanted,
        "canary_ready": tick.canary.ready,
        "metrics": [_metric(measured) for measured in tick.measured],
        "reason": _notice(tick.reason, names),
        "notices": [_notice(notice, names) for notice in tick.notices],
        "events": [_event(happened) for happened in tick.happened],
    }


def _metric(measured: Measured) -> dict[str, Any]:
    check, answer = measured.check, measured.measurement
    return {
        "check": check.id,
        "kind": check.kind.value,
        "value": _plain(answer.value) if isinstance(answer, Sample) else None,
        "minimum": _plain(check.bound.minimum),
        "maximum": _plain(check.bound.maximum),
        "samples": answer.count if isinstance(answer, Sample) else None,
        "verdict": _plain(measured.verdict),
        "error": answer.message if isinstance(answer, SourceError) else "",
    }


def _notice(notice: Notice, names: Names) -> dict[str, Any]:
    return {"code": code(notice), "message": message(notice, names), "facts": _plain(notice)}


def _event(happened: Happened) -> dict[str, Any]:
    return {
        "time": _plain(happened.time_s),
        "code": type(happened.what).__name__,
        "message": happening_text(happened.what),
    }


def _outcome(run: Run) -> dict[str, Any]:
    ending = run.ending
    return {
        "schema": SCHEMA,
        "type": "outcome",
        "outcome": ending.result.value,
        "phase": ending.phase.value,
        "cause": ending.cause.value if ending.cause is not None else None,
        "message": ending_text(run),
        "duration": _plain(ending.duration_s),
        "ticks": len(run.ticks),
        "requests": ending.requests,
        "failed_requests": ending.failed,
        "failed_on_canary": ending.failed_on_canary,
        "copied_requests": ending.copied,
        "revisions": [_plain(served) for served in ending.served],
        "seed": run.seed,
        "exit_code": run.exit_code,
        "broken": list(run.broken),
    }


def _plain(value: Any) -> Any:
    """A value in terms of JSON: names of enumerations in lower case with hyphens, whole numbers without a fraction."""
    if isinstance(value, Verdict):
        return value.name.lower().replace("_", "-")
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, _DIGITS)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if attrs.has(type(value)):
        return {each.name: _plain(getattr(value, each.name)) for each in attrs.fields(type(value))}
    return value
