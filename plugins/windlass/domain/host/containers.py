"""What Docker says of a container of Windlass's stacks, as a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.bounded import moment
from windlass.domain.host.layout import (
    COMPONENT_LABEL,
    CONFIG_LABEL,
    DIGEST_LABEL,
    PROJECT_LABEL,
    VERSION_LABEL,
)

_SERVICE_LABEL = "com.docker.compose.service"
CRASHES = 5
"""How often Docker has started a container again by itself, until that is no chance any more."""
_SOON = timedelta(seconds=10)
"""A process that lives longer than this is started again at once by Docker, as if it had never failed."""
_DEFAULT_GRACE_SECONDS = 10
"""Docker's own, where a container says nothing."""


@dataclass(frozen=True)
class Container:
    """One container of a stack as its engine has it now."""

    container_id: str
    name: str
    component: str
    """Such as `kube-apiserver`; the name of the Compose service."""
    stack: str
    """Such as `control-plane`."""
    state: str
    """Docker's word: created, running, paused, restarting, removing, exited or dead."""
    image: str
    """As the Compose file names it."""
    started: datetime | None
    """When it last started; None if it never did."""
    exit_code: int
    """Of its last end; 0 while it runs."""
    restarts: int
    """How often Docker has restarted it by itself."""
    labels: Mapping[str, str]
    grace_seconds: int
    """How long it may take to stop before it is killed."""
    details: Mapping[str, Any] = field(repr=False)
    """All that `docker inspect` says, to compare with what was rendered."""

    @property
    def is_running(self) -> bool:
        """Tell whether it runs."""
        return self.state == "running"

    @property
    def is_crashing(self) -> bool:
        """Tell whether it ends soon after each start, and Docker starts it again and again: it is not just starting."""
        if self.state != "restarting" or self.restarts < CRASHES or self.started is None:
            return False
        text = self.details["State"].get("FinishedAt")
        ended = _time(text) if text else None
        return ended is not None and ended - self.started < _SOON

    @property
    def digest(self) -> str | None:
        """Return the digest of the Compose service that it was made from; None if it carries none."""
        return self.labels.get(DIGEST_LABEL)

    @property
    def version(self) -> str | None:
        """Return the version of what it runs; None if it does not say."""
        return self.labels.get(VERSION_LABEL)

    @property
    def config_digest(self) -> str | None:
        """Return the digest of the files beside its Compose file when it was made; None if it reads none."""
        return self.labels.get(CONFIG_LABEL)


def by_component(listed: Iterable[Container]) -> dict[str, Container]:
    """Return containers, listed as Docker does with the newest first, by component.

    Where making one again was broken off, the old one lies beside it by another name: then the one that runs counts.
    """
    found: dict[str, Container] = {}
    for one in listed:
        if one.component not in found or one.is_running:
            found[one.component] = one
    return found


def read_container(inspected: Mapping[str, Any]) -> Container:
    """Read the answer of `docker inspect`; one of `bounded.MALFORMED` if it is none."""
    config, state = inspected["Config"], inspected["State"]
    labels: dict[str, str] = config.get("Labels") or {}
    grace = config.get("StopTimeout")
    texts = (inspected["Id"], state["Status"], config["Image"], *labels.values())
    if not all(isinstance(one, str) for one in texts):
        raise TypeError("a text that is none")
    return Container(
        container_id=inspected["Id"],
        name=inspected["Name"].removeprefix("/"),
        component=labels.get(COMPONENT_LABEL) or labels.get(_SERVICE_LABEL, ""),
        stack=labels.get(PROJECT_LABEL, "").removeprefix("windlass-"),
        state=state["Status"],
        image=config["Image"],
        started=_time(state["StartedAt"]),
        exit_code=int(state["ExitCode"]),
        restarts=int(inspected.get("RestartCount", 0)),
        labels=labels,
        grace_seconds=_DEFAULT_GRACE_SECONDS if grace is None else int(grace),
        details=inspected,
    )


def _time(text: str) -> datetime | None:
    """Read Docker's time, which has up to nine digits behind the point; its year 1 means never."""
    if text.startswith("0001-"):
        return None
    seconds, _, rest = text.partition(".")
    if not rest:
        return moment(text)
    zone = rest.lstrip("0123456789")
    digits = rest[: len(rest) - len(zone)]
    return moment(f"{seconds}.{digits[:6]:0<6}{zone}")
