"""Docker's own settings, which share their file with settings of the host's owner."""

from __future__ import annotations

import json
from typing import Any

from windlass.domain.host.layout import DOCKER_DAEMON
from windlass.errors import MALFORMED, SpecError

_DRIVER, _OPTIONS = "log-driver", "log-opts"


def merge_daemon_settings(existing: str | None, rendered: str) -> str:
    """Return daemon.json with Windlass's settings added to those `existing`.

    What the owner of the host has set stays: only missing keys are added, and lists are united. Where nothing is to be
    added, `existing` stays as it was written. Options of logs are those of their driver: where the owner has chosen a
    driver none are added, since dockerd does not start with options that its driver does not know. SpecError if it is
    not JSON.
    """
    desired: dict[str, Any] = json.loads(rendered)
    before = _read(existing)
    if before.get(_DRIVER, desired.get(_DRIVER)) != desired.get(_DRIVER):
        desired.pop(_OPTIONS, None)
    merged = dict(before)
    for key, value in desired.items():
        mine = merged.get(key)
        if isinstance(mine, list) and isinstance(value, list):
            merged[key] = mine + [item for item in value if item not in mine]
        else:
            merged.setdefault(key, value)
    if existing is not None and merged == before:
        return existing
    return json.dumps(merged, indent=2) + "\n"


def with_added(earlier: str | None, existing: str | None, merged: str) -> str:
    """Return what Windlass has added to daemon.json in all: `earlier`, and what `merged` has beyond `existing`.

    SpecError if one of them is not JSON.
    """
    added, before = _read(earlier), _read(existing)
    for key, value in _read(merged).items():
        if isinstance(value, list) and isinstance(had := before.get(key, []), list):
            new = [item for item in value if item not in had]
            known = added.get(key, [])
            if new:
                added[key] = known + [item for item in new if item not in known]
        elif key not in before:
            added[key] = value
    return json.dumps(added, indent=2) + "\n"


def without_added(current: str | None, added: str, former: str | None) -> str:
    """Return daemon.json as it is without what Windlass `added`; empty where there shall be no such file.

    What its owner has changed since stays changed. Where that leaves what `former` says, it is `former`, byte by byte.
    SpecError if one of them is not JSON.
    """
    if current is None:
        return ""
    left = _read(current)
    for key, value in _read(added).items():
        if isinstance(value, list) and isinstance(left.get(key), list):
            left[key] = [item for item in left[key] if item not in value]
            if not left[key] and key not in _read(former):
                del left[key]
        elif left.get(key) == value:
            del left[key]
    if left == _read(former):
        return former or ""
    return json.dumps(left, indent=2) + "\n" if left else ""


def _read(existing: str | None) -> dict[str, Any]:
    if existing is None or not existing.strip():
        return {}
    try:
        settings = json.loads(existing)
    except MALFORMED as error:
        raise SpecError(f"{DOCKER_DAEMON} is no JSON: {error}; fix it or move it away") from error
    if not isinstance(settings, dict):
        raise SpecError(f"{DOCKER_DAEMON} is no JSON object; fix it or move it away")
    return settings
