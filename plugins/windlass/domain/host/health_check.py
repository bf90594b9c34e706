"""Health checks, declared in Compose files as `x-windlass-health` beside each service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from windlass.domain.spec.models import HealthOverride
from windlass.domain.yamltext import parse_yaml
from windlass.errors import MALFORMED, SpecError

HEALTH_KEY = "x-windlass-health"
Protocol = Literal["http", "https", "tcp"]
Strategy = Literal["recreate", "recreateOnQuorum", "none"]


@dataclass(frozen=True)
class HealthCheck:
    """How one service is looked at, and what is done when it is unhealthy."""

    port: int
    protocol: Protocol
    request_line: str
    """The request line of HTTP, such as `GET /healthz HTTP/1.0`; empty for tcp."""
    address: Literal["host", "loopback"]
    """Where it listens: at the host's address, so that other hosts can look, or only on the host itself."""
    client_certificate: str | None
    """Path without suffix of the client certificate (.crt, .key) that the service asks for."""
    interval: timedelta
    response_timeout: timedelta
    initializing_timeout: timedelta
    reinitializing_timeout: timedelta
    healthy_threshold: int
    unhealthy_threshold: int
    strategy: Strategy
    quorum: int
    """How many members must be healthy for `recreateOnQuorum`; 0 where that does not apply."""


def read_health(compose: str) -> dict[str, HealthCheck]:
    """Read the checks of all services in a Compose file, by service; SpecError if one is incomplete."""
    services = parse_yaml("compose.yaml", compose)[0]["services"]
    checks = {}
    for name, service in services.items():
        if HEALTH_KEY in service:
            try:
                checks[name] = _check(service[HEALTH_KEY])
            except MALFORMED as error:
                raise SpecError(f"service {name}: {HEALTH_KEY}: {error!s} is missing or wrong") from error
    return checks


def overridden(check: Mapping[str, Any], override: HealthOverride | None) -> dict[str, Any]:
    """Return the block `check` with what the spec changes about it."""
    if override is None:
        return dict(check)
    changed: dict[str, Any] = {}
    for name, value in override.model_dump(exclude_none=True).items():
        seconds = name.endswith("_seconds")
        changed[name.removesuffix("_seconds")] = _duration(value) if seconds else value
    return {**check, **changed}


def _check(block: Mapping[str, Any]) -> HealthCheck:
    return HealthCheck(
        port=int(block["port"]),
        protocol=block["protocol"],
        request_line=block["request_line"],
        address=block["address"],
        client_certificate=block["client_certificate"],
        interval=_parse_duration(block["interval"]),
        response_timeout=_parse_duration(block["response_timeout"]),
        initializing_timeout=_parse_duration(block["initializing_timeout"]),
        reinitializing_timeout=_parse_duration(block["reinitializing_timeout"]),
        healthy_threshold=int(block["healthy_threshold"]),
        unhealthy_threshold=int(block["unhealthy_threshold"]),
        strategy=block["strategy"],
        quorum=int(block["quorum"]),
    )


def _duration(seconds: float) -> str:
    return f"{seconds:g}s"


def _parse_duration(text: str) -> timedelta:
    if not text.endswith("s"):
        raise ValueError(f"`{text}`, which is not of the form 2s,")
    return timedelta(seconds=float(text.removesuffix("s")))
