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
