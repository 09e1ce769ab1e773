"""Checks one value by its `Rule`, and says in words what the rule allows."""

import math
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from canary_adapters.controls import Controls, control_fault
from canary_adapters.manifests.declare import Format, Rule
from canary_adapters.manifests.durations import duration_s
from canary_adapters.manifests.patterns import pattern_fault

__all__ = ["WrongValueError", "boolean", "check_controls", "decimal", "integer", "obeys", "text", "words"]

_LARGEST: Final = 2**63 - 1
_WINDOW: Final = re.compile(r"([0-9]+m)?([0-9]+s)?([0-9]+ms)?", re.ASCII)
_FORMATS: Final[Mapping[Format, str]] = {
    Format.INTERVAL: "a Go duration that begins with minutes or seconds, like 90s or 1m30s",
    Format.WINDOW: "a duration above zero in minutes and seconds, like 1m or 1m30s",
    Format.DURATION: "a Go duration like 500ms, 90s or 1h30m",
    Format.POSITIVE_DURATION: "a Go duration above zero, like 90s or 1h30m",
    Format.URL: "an http:// or https:// URL",
    Format.REGEX: "a regular expression",
}


class WrongValueError(ValueError):
    """A value is not what its field allows.

    Attributes:
        value: What was given.
        allowed: What would be right.
    """

    def __init__(self, value: object, allowed: str) -> None:
        self.value = value
        self.allowed = allowed
        super().__init__(allowed)


def text(value: object, rule: Rule) -> str:
    """The value, if it is a text.

    Raises:
        WrongValueError: It is none.
    """
    if isinstance(value, str):
        return value
    hint = ""
    if isinstance(value, bool):
        hint = " (put it into quotes: YAML reads yes, no, on, off, true and false as booleans)"
    elif isinstance(value, int | float):
        hint = " (put it into quotes: without them YAML reads a number)"
    raise WrongValueError(value, f"must be {words('a text', rule)}{hint}")


def boolean(value: object, rule: Rule) -> bool:
    """The value, if it is a boolean.

    Raises:
        WrongValueError: It is none.
    """
    if isinstance(value, bool):
        return value
    hint = " (without quotes)" if isinstance(value, str) else ""
    raise WrongValueError(value, f"must be {words('true or false', rule)}{hint}")


def integer(value: object, rule: Rule) -> int:
    """The value, if it is a whole number that fits 64 bits. 10.0 is one: JSON has only one kind of number.

    Raises:
        WrongValueError: It is none.
    """
    whole = isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST
    if isinstance(value, int | float) and not isinstance(value, bool) and (whole or isinstance(value, int)):
        if abs(value) <= _LARGEST:
            return int(value)
        raise WrongValueError(value, f"must be {words('a whole number', rule)} of at most 64 bits")
    hint = " (without quotes)" if isinstance(value, str) and value.isdigit() else ""
    raise WrongValueError(value, f"must be {words('a whole number', rule)}{hint}")


def decimal(value: object, rule: Rule) -> float:
    """The value, if it is a finite number.

    Raises:
        WrongValueError: It is none.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and isinstance(value, int | float) and abs(value) <= _LARGEST and math.isfinite(value):
        return float(value)
    raise WrongValueError(value, f"must be {words('a finite number', rule)}")


def words(base: str, rule: Rule) -> str:
    """What a rule allows, in words that follow ``must be``."""
    if rule.enum:
        return "one of " + ", ".join(member or '""' for member in rule.enum)
    if rule.format is not None:
        return _FORMATS[rule.format]
    if rule.minimum is not None and rule.maximum is not None:
        return f"{base} from {rule.minimum:.0f} to {rule.maximum:.0f}"
    if rule.minimum is not None:
        return f"{base} of at least {rule.minimum:.0f}"
    if rule.maximum is not None:
        return f"{base} of at most {rule.maximum:.0f}"
    return base


def obeys(value: object, rule: Rule, base: str) -> None:
    """Check a value that has the right type.

    Args:
        value: A text, boolean or number; anything else is let through.
        rule: What its field allows.
        base: The type in words.

    Raises:
        WrongValueError: The value is not what the rule allows.
    """
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        low = rule.minimum is not None and value < rule.minimum
        if low or (rule.maximum is not None and value > rule.maximum):
            raise WrongValueError(value, f"must be {words(base, rule)}")
    elif isinstance(value, str):
        _text_obeys(value, rule, base)


def check_controls(value: str, allowed: Controls) -> None:
    """Check that a text holds no control characters but those that it may hold.

    Raises:
        WrongValueError: It does.
    """
    if fault := control_fault(value, allowed):
        raise WrongValueError(value, fault)


def _text_obeys(value: str, rule: Rule, base: str) -> None:
    if rule.enum and value not in rule.enum:
        raise WrongValueError(value, f"must be {words(base, rule)}")
    check_controls(value, rule.controls)
    if rule.longest is not None and len(value) > rule.longest:
        raise WrongValueError(value, f"must be a text of at most {rule.longest} characters")
    if len(value) < rule.least:
        raise WrongValueError(value, "must be a text that is not empty")
    if rule.format is not None:
        _check_format(value, rule.format)
    if rule.pattern is not None and not _matches(value, rule.pattern):
        allowed = words(base, rule) if rule.format is not None else f"a text that matches {rule.pattern}"
        raise WrongValueError(value, f"must be {allowed}")


def _matches(value: str, pattern: str) -> bool:
    # In Go `$` is the end of the text; in Python it also matches before a last line break.
    anchored = pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern
    return re.search(anchored, value, re.ASCII) is not None


def _check_format(value: str, wanted: Format) -> None:
    fault = pattern_fault(value) if wanted is Format.REGEX else ""
    if fault or not _has_format(value, wanted):
        raise WrongValueError(value, f"must be {_FORMATS[wanted]}{f': {fault}' if fault else ''}")


def _has_format(value: str, wanted: Format) -> bool:
    if wanted is Format.REGEX:
        return True
    if wanted is Format.URL:
        return _is_url(value)
    seconds = duration_s(value)
    if wanted is Format.WINDOW:
        return bool(seconds) and _WINDOW.fullmatch(value) is not None
    return bool(seconds) if wanted is Format.POSITIVE_DURATION else seconds is not None


def _is_url(value: str) -> bool:
    if any(character.isspace() or not character.isprintable() for character in value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
