"""Maintenance windows: `DAYS HH:MM-HH:MM [ZONE]`, times of each week in which a rollout may go without approval."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIMES = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class Window:
    """A span of time on some days of each week; one that ends before it starts ends on the next day."""

    days: frozenset[int]
    """Days on which it starts, Monday is 0."""
    start: time
    end: time
    zone: ZoneInfo

    def contains(self, moment: datetime) -> bool:
        """Say whether `moment`, which knows its time zone, lies in the window; the end is outside."""
        local = moment.astimezone(self.zone)
        clock = local.time().replace(tzinfo=None)
        if self.start < self.end:
            return local.weekday() in self.days and self.start <= clock < self.end
        began_today = local.weekday() in self.days and clock >= self.start
        began_yesterday = (local - timedelta(days=1)).weekday() in self.days and clock < self.end
        return began_today or began_yesterday


def parse_window(text: str) -> Window:
    """Read a window; ValueError with `what is wrong; what would be right`."""
    words = text.split()
    if len(words) not in {2, 3}:
        raise ValueError(f"`{text}` is no window; write `DAYS HH:MM-HH:MM [ZONE]`, such as `sat,sun 22:00-04:00`")
    times = TIMES.fullmatch(words[1])
    if times is None:
        raise ValueError(f"`{words[1]}` is no span of time; write `HH:MM-HH:MM`, such as 22:00-04:00")
    hour, minute, end_hour, end_minute = (int(part) for part in times.groups())
    if (hour, minute) == (end_hour, end_minute):
        raise ValueError(f"`{words[1]}` has no length; for a whole day write 00:00-23:59")
    zone = _zone(words[2] if len(words) == 3 else "UTC")
    return Window(_days(words[0]), time(hour, minute), time(end_hour, end_minute), zone)


def _days(text: str) -> frozenset[int]:
    if text.lower() == "daily":
        return frozenset(range(len(_DAYS)))
    days: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise ValueError(f"no day `{part}` is known; write daily, or days such as `sat,sun` or `mon-fri`")
        begin, count = _DAYS.index(first), (_DAYS.index(last or first) - _DAYS.index(first)) % len(_DAYS)
        days |= {(begin + offset) % len(_DAYS) for offset in range(count + 1)}
    return frozenset(days)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone `{name}` is known; write one such as UTC or Europe/Amsterdam") from None
