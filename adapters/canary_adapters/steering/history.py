"""What happened to a Canary, as text: how its rollouts ended, and what each check of the last one came to."""

from collections.abc import Mapping
from typing import Final

from rich.text import Text

from canary_adapters.plain_text import one_line
from canary_adapters.steering.pages import rows
from canary_adapters.steering.view import age, clock
from canary_core import Outcome, Record, Verdict
from canary_core.record import Entry, Finding, Heard, Point, Round, Said

__all__ = [
    "bound_of",
    "checks_of",
    "outcome_of",
    "place_of",
    "rollouts_of",
    "value_of",
    "verdict_of",
    "why_of",
]

_LONGEST: Final = 253
_OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.COMPLETED: "promoted",
    Outcome.SKIPPED: "promoted without analysis",
    Outcome.WITHDRAWN: "withdrawn",
    Outcome.CHECKS: "failed: checks",
    Outcome.DEADLINE: "failed: not ready in time",
    Outcome.HOOK: "rolled back by a hook",
    Outcome.APPROVAL: "failed: not approved in time",
    Outcome.ABORTED: "aborted",
    Outcome.PROMOTION: "failed: primary not ready",
    Outcome.INITIALIZATION: "failed: first primary not ready",
}
_VERDICTS: Final[Mapping[Verdict, tuple[str, str]]] = {
    Verdict.PASS: ("pass", "green"),
    Verdict.NO_DATA: ("no data", "yellow"),
    Verdict.ERROR: ("no answer", "yellow"),
    Verdict.FAIL: ("fail", "bold red"),
}
_SAID: Final[Mapping[Said, str]] = {Said.APPROVED: "green", Said.REFUSED: "yellow", Said.UNREACHABLE: "yellow"}


def rollouts_of(record: Record, now_s: float) -> list[Text]:
    """A line for each rollout, the newest first, under a heading."""
    entries = (record.now, *reversed(record.past)) if record.now is not None else ()
    head = ("BEGAN", "TOOK", "IMAGE", "REVISION", "WEIGHT", "RESULT", "WHY")
    lines = [[Text(each, style="bold") for each in head]]
    return rows([*lines, *(_line(each, now_s) for each in entries)], [])


def _line(entry: Entry, now_s: float) -> list[Text]:
    ended_s = entry.ended_s if entry.ended_s is not None else now_s
    return [
        Text(f"{age(now_s - entry.began_s)} ago"),
        Text(age(ended_s - entry.began_s)),
        Text(one_line(entry.title, _LONGEST) or "-"),
        Text(one_line(entry.revision or "-", _LONGEST)),
        Text(f"{entry.weight}%"),
        Text(outcome_of(entry)),
        Text(why_of(entry)),
    ]


def outcome_of(entry: Entry) -> str:
    """How a rollout ended, in words."""
    if entry.outcome is not None:
        return _OUTCOMES[entry.outcome]
    return "under way" if entry.ended_s is None else "ended by another revision, or with the Canary"


def why_of(entry: Entry) -> str:
    """What did not pass last, if anything."""
    worst, often = entry.worst, f" ({entry.not_passed} times)" if entry.not_passed > 1 else ""
    if worst is None:
        return "-"
    if isinstance(worst, Heard):
        return f"hook {_name(worst.hook)} {worst.said.value}{often}"
    return f"{_name(worst.check)} {value_of(worst)}, wanted {bound_of(worst)}{often}"


# -- Checks ---------------------------------------------------------------------------------------------------------


def checks_of(record: Record) -> list[Text]:
    """A line for each check and hook of the last rollout, oldest first, under a heading."""
    head = ("TIME", "AT", "CHECK", "VALUE", "WANTED", "VERDICT")
    lines = [[Text(each, style="bold") for each in head]]
    lines += [line for each in record.rounds for line in _lines(each)]
    forgotten = [Text(f"{record.left_off} rounds before are forgotten", style="dim")] if record.left_off else []
    return [*forgotten, *rows(lines, [])]


def _lines(each: Round) -> list[list[Text]]:
    found = [_of_hook(heard) for heard in each.hooks] + [_of_check(finding) for finding in each.findings]
    at = [Text(clock(each.at_s), style="dim"), Text(place_of(each.before))]
    again = f" ({each.times} times)" if each.times > 1 else ""
    found[-1][-1].append(again)
    blank = [Text(""), Text("")]
    return [[*(at if number == 0 else blank), *cells] for number, cells in enumerate(found)]


def _of_check(found: Finding) -> list[Text]:
    word, style = _VERDICTS[found.verdict]
    return [Text(_name(found.check)), Text(value_of(found)), Text(bound_of(found)), Text(word, style=style)]


def _of_hook(heard: Heard) -> list[Text]:
    said = Text(heard.said.value, style=_SAID[heard.said])
    return [Text(f"{_name(heard.hook)}, {heard.type.value}"), Text("-"), Text("-"), said]


def place_of(point: Point) -> str:
    """Where a rollout stood, in a few words."""
    if point.iterations:
        return f"iteration {point.iterations}"
    return "copies of requests" if point.mirrored else f"{point.weight}%"


def verdict_of(verdict: Verdict) -> str:
    """A verdict in a word or two."""
    return _VERDICTS[verdict][0]


def value_of(found: Finding) -> str:
    """A value as it is read best."""
    return "-" if found.value is None else f"{found.value:.6g}"


def bound_of(found: Finding) -> str:
    """What a check wants."""
    low, high = found.bound.minimum, found.bound.maximum
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"at least {low:g}"
    return f"at most {high:g}" if high is not None else "anything"


def _name(text: str) -> str:
    return one_line(text, _LONGEST)
