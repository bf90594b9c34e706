"""Checks of the later life: schedules, drills, pinned bundles, windows, limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from croniter import CroniterBadDateError, CroniterError, croniter

from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Problem, suggestion
from windlass.domain.spec.windows import parse_window

BUNDLE = re.compile(r"[0-9]{8}T[0-9]{6}Z-r[0-9]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ANY_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_CRON_FORM = "write five fields: minute, hour, day of month, month, day of week, such as `*/5 * * * *`"


def schedules(cluster: Cluster) -> Iterator[Problem]:
    """Check that schedules are cron expressions that some day are due."""
    backup = cluster.spec.backup
    for path, text in (
        (("spec", "backup", "schedule"), backup.schedule),
        (("spec", "backup", "drill", "schedule"), backup.drill.schedule),
    ):
        if text is not None and (wrong := _wrong_cron(text)):
            yield Problem(path, wrong, _CRON_FORM)


def environment_names(cluster: Cluster) -> Iterator[Problem]:
    """Check that the environment of hooks has names that a shell takes, and none that Windlass gives."""
    for name in cluster.spec.upgrade.hooks.environment:
        path = ("spec", "upgrade", "hooks", "environment", name)
        if not VARIABLE.fullmatch(name):
            yield Problem(path, "no variable can be called so", "write letters, digits and `_`, no digit first")
        elif name.startswith("WINDLASS_"):
            yield Problem(path, "names that begin with `WINDLASS_` are given by Windlass", "give it another name")


def backup_places(cluster: Cluster) -> Iterator[Problem]:
    """Check that drills run on a host of the cluster, that pins are bundle ids, and that the bucket can be named so."""
    backup = cluster.spec.backup
    hosts = [host.name for host in cluster.spec.hosts.members]
    if backup.drill.host is not None and backup.drill.host not in hosts:
        path = ("spec", "backup", "drill", "host")
        yield Problem(path, f"no host is called `{backup.drill.host}`", suggestion(backup.drill.host, hosts))
    for index, bundle in enumerate(backup.pin):
        if not BUNDLE.fullmatch(bundle):
            right = "write it as the list of bundles shows it, such as 20261123T074500Z-r1042"
            yield Problem(("spec", "backup", "pin", index), f"`{bundle}` is no id of a bundle", right)
    if backup.target is not None and not BUCKET.fullmatch(backup.target.bucket):
        right = "use 3 to 63 lower-case letters, digits, `-` and `.`"
        yield Problem(("spec", "backup", "target", "bucket"), f"`{backup.target.bucket}` is no name of a bucket", right)


def windows(cluster: Cluster) -> Iterator[Problem]:
    """Check that maintenance windows can be read."""
    for index, text in enumerate(cluster.spec.upgrade.windows):
        try:
            parse_window(text)
        except ValueError as error:
            wrong, _, right = str(error).partition("; ")
            yield Problem(("spec", "upgrade", "windows", index), wrong, right)


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (schedules, backup_places, windows)


def _wrong_cron(text: str) -> str | None:
    if len(text.split()) != 5:
        return f"`{text}` is no cron expression of five fields"
    try:
        croniter(text, _ANY_MOMENT).get_next()
    except CroniterBadDateError:
        return f"`{text}` is never due"
    except (CroniterError, ValueError) as error:
        return f"`{text}` is no cron expression: {error}"
    return None
