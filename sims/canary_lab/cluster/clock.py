"""The time as Kubernetes writes it. The server lives in real time: clients measure timeouts and ages against it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def timestamp(at: float | None = None) -> str:
    """Seconds, such as 2021-03-22T06:25:17Z."""
    return datetime.fromtimestamp(time.time() if at is None else at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> float | None:
    """Seconds since 1970, or None if it is no time."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def age(created: str | None) -> str:
    """How tables print the time since then: 5s, 3m10s, 2h, 4d."""
    at = parse_time(created) if created else None
    if at is None:
        return "<unknown>" if not created else "<invalid>"
    return duration(max(0, int(time.time() - at)))


def duration(seconds: int) -> str:
    """A duration with as many units as kubectl shows."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return f"{days // 365}y{days % 365}d" if days % 365 else f"{days // 365}y"
    return f"{days // 365}y"
