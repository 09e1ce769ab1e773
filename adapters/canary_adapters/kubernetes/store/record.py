"""What happened, as JSON and back: ``status.record``, for people as well. Nothing is decided by it.

What cannot be read, because somebody else or another release wrote it, is forgotten.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.store.records import read_time, written_time
from canary_core import Bound, Counts, HookType, KnownGood, Outcome, Phase, Record, Verdict
from canary_core.record import Entry, Finding, Heard, Point, Round, Said

__all__ = ["CHECKED", "KEY", "read_record", "read_round", "written_record", "written_round"]

KEY: Final = "record"
CHECKED: Final = "checked"
"""Message of the line that a controller logs of each round."""
_VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "pass",
    Verdict.NO_DATA: "no data",
    Verdict.ERROR: "error",
    Verdict.FAIL: "fail",
}
_OF_VERDICT: Final = {text: verdict for verdict, text in _VERDICTS.items()}
_FIRST: Final = Point(phase=Phase.PROGRESSING)
"""Of a point, what need not be written."""


def written_record(record: Record) -> Obj:
    """A record as plain JSON; what goes without saying is left out."""
    found: Obj = {}
    if record.now is not None:
        rounds = [written_round(each) for each in record.rounds]
        found["now"] = _entry(record.now) | _told(rounds=rounds, leftOff=record.left_off)
    return found | _told(past=[_entry(each) for each in record.past])


def read_record(found: object) -> Record:
    """The record that was written; an empty one if that cannot be read."""
    try:
        return _record(found) if isinstance(found, Mapping) else Record()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return Record()


def _record(found: Mapping[str, Any]) -> Record:
    now = found.get("now")
    return Record(
        now=_read_entry(now) if now is not None else None,
        rounds=tuple(read_round(each) for each in now.get("rounds", ())) if now is not None else (),
        left_off=int(now.get("leftOff", 0)) if now is not None else 0,
        past=tuple(_read_entry(each) for each in found.get("past", ())),
    )


def _told(**fields: Any) -> Obj:
    """Without what is not there."""
    return {key: value for key, value in fields.items() if value not in (None, "", 0, False, [], {})}


# -- Rollouts -------------------------------------------------------------------------------------------------------


def _entry(entry: Entry) -> Obj:
    worst = entry.worst
    return {"revision": entry.revision} | _told(
        title=entry.title,
        began=written_time(entry.began_s),
        ended=written_time(entry.ended_s) if entry.ended_s is not None else None,
        outcome=entry.outcome.value if entry.outcome is not None else None,
        weight=entry.weight,
        notPassed=entry.not_passed,
        check=_finding(worst) if isinstance(worst, Finding) else None,
        hook=_heard(worst) if isinstance(worst, Heard) else None,
    )


def _read_entry(found: Mapping[str, Any]) -> Entry:
    check, hook, ended = found.get("check"), found.get("hook"), found.get("ended")
    worst = _read_finding(check) if check is not None else _read_heard(hook) if hook is not None else None
    return Entry(
        revision=_text(found["revision"]),
        title=_text(found.get("title")) or "",
        began_s=read_time(found.get("began", 0.0)),
        ended_s=read_time(ended) if ended is not None else None,
        outcome=Outcome(found["outcome"]) if "outcome" in found else None,
        weight=int(found.get("weight", 0)),
        not_passed=int(found.get("notPassed", 0)),
        worst=worst,
    )


# -- Rounds ---------------------------------------------------------------------------------------------------------


def written_round(each: Round) -> Obj:
    """A round as plain JSON: where it stood, what was found, and, under ``then``, what was different after it."""
    return {"at": written_time(each.at_s), **_point(each.before, _FIRST)} | _told(
        checks=[_finding(finding) for finding in each.findings],
        hooks=[_heard(heard) for heard in each.hooks],
        paused=each.paused,
        knownGood=each.known_good.value if each.known_good is not KnownGood.PRIMARY else None,
        times=each.times if each.times > 1 else None,
        leftOff=each.left_off,
        then=_point(each.then, each.before),
    )


def read_round(found: Mapping[str, Any]) -> Round:
    """The round that was written.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, OverflowError: It cannot be read.
    """
    before = _read_point(found, _FIRST)
    return Round(
        at_s=read_time(found["at"]),
        before=before,
        findings=tuple(_read_finding(each) for each in found.get("checks", ())),
        hooks=tuple(_read_heard(each) for each in found.get("hooks", ())),
        then=_read_point(found.get("then", {}), before),
        paused=found.get("paused") is True,
        known_good=KnownGood(found.get("knownGood", KnownGood.PRIMARY.value)),
        times=int(found.get("times", 1)),
        left_off=int(found.get("leftOff", 0)),
    )


def _point(point: Point, base: Point) -> Obj:
    """What is different from a base."""
    whole, less = _whole_point(point), _whole_point(base)
    return {key: value for key, value in whole.items() if value != less[key]}


def _whole_point(point: Point) -> Obj:
    return {
        "phase": point.phase.value,
        "weight": point.weight,
        "mirrored": point.mirrored,
        "iteration": point.iterations,
        "failed": point.counts.failed,
        "noData": point.counts.no_data,
        "errors": point.counts.errors,
        "attempt": point.attempt,
        "started": point.started,
    }


def _read_point(found: Mapping[str, Any], base: Point) -> Point:
    whole = _whole_point(base) | dict(found)
    return Point(
        phase=Phase(whole["phase"]),
        weight=int(whole["weight"]),
        mirrored=whole["mirrored"] is True,
        iterations=int(whole["iteration"]),
        counts=Counts(failed=int(whole["failed"]), no_data=int(whole["noData"]), errors=int(whole["errors"])),
        attempt=int(whole["attempt"]),
        started=whole["started"] is True,
    )


def _finding(found: Finding) -> Obj:
    numbers = {"value": found.value, "min": found.bound.minimum, "max": found.bound.maximum}
    told = {key: _number(value) for key, value in numbers.items() if value is not None}
    samples = {"samples": found.samples} if found.samples is not None else {}
    return {"name": found.check, **told, **samples, "verdict": _VERDICTS[found.verdict]}


def _read_finding(found: Mapping[str, Any]) -> Finding:
    numbers = {key: float(found[key]) if key in found else None for key in ("value", "min", "max")}
    return Finding(
        check=str(found["name"]),
        verdict=_OF_VERDICT[found["verdict"]],
        value=numbers["value"],
        samples=int(found["samples"]) if "samples" in found else None,
        bound=Bound(minimum=numbers["min"], maximum=numbers["max"]),
    )


def _heard(heard: Heard) -> Obj:
    return {"name": heard.hook, "type": heard.type.value, "answer": heard.said.value}


def _read_heard(found: Mapping[str, Any]) -> Heard:
    return Heard(hook=str(found["name"]), type=HookType(found["type"]), said=Said(found["answer"]))


def _number(value: float) -> float | str:
    """JSON has no infinity."""
    return value if math.isfinite(value) else str(value)


def _text(found: object) -> str | None:
    return str(found) if found is not None else None
