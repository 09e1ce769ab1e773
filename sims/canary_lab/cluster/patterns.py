"""Patterns of schemas: RE2's, as a real server has them. A text is read in time that grows with its length."""

from __future__ import annotations

import re2

_QUIET = re2.Options()
_QUIET.log_errors = False


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern that is valid matches somewhere."""
    return re2.search(pattern, text, _QUIET) is not None


def pattern_error(pattern: str) -> str:
    """Why this is no pattern; empty if it is one."""
    try:
        re2.compile(pattern, _QUIET)
    except re2.error as error:
        why = error.args[0]
        return why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
    return ""
