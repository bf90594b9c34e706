"""Values in words, as pages show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any


def age(seconds: float | None) -> str:
    """Return a span in its largest unit: `4 min`."""
    if seconds is None:
        return "never"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length * (2 if unit == "d" else 1):
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def since(text: str | None) -> str:
    """Return how long ago a time in ISO form was."""
    return "never" if not text else age((datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds())


def clock(text: str) -> str:
    """Return the time of a day, in UTC."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%H:%M:%S}"


def day(text: str) -> str:
    """Return the day, in UTC."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d}"


def short(component: str) -> str:
    """Return a component's name without what all of them have."""
    return component.removeprefix("kube-")


def slug(text: str) -> str:
    """Return words as the name of a class."""
    return text.replace(" ", "-").replace("_", "-")


FILTERS: Mapping[str, Callable[..., Any]] = {
    "age": age, "since": since, "clock": clock, "day": day, "short": short, "slug": slug}  # fmt: skip
