"""What `windlass production init` is told, and what of it is not secret: the file `.env`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GATEWAY = "http://s3:7070"
"""Where the S3 gateway of docker-compose.yaml answers the other services."""
GATEWAY_PROFILE = "s3"
STORE_BUCKET = "windlass"
LOGS_BUCKET = "airflow-logs"
GATEWAY_ACCESS_KEY = "windlass"


@dataclass(frozen=True)
class S3Service:
    """An S3 service, what is kept where in it, and who logs in; the secret key comes from elsewhere."""

    endpoint_url: str = GATEWAY
    bucket: str = STORE_BUCKET
    logs_bucket: str = LOGS_BUCKET
    access_key: str = GATEWAY_ACCESS_KEY

    @property
    def is_gateway(self) -> bool:
        """Tell whether it is the gateway of docker-compose.yaml."""
        return self.endpoint_url == GATEWAY


@dataclass(frozen=True)
class Wishes:
    """What the set-up is asked to be; what is None stays as it was."""

    host: str
    """The name, or address, by which browsers reach the pages."""
    port: int
    storage: S3Service | None = None
    storage_key: str | None = None
    """The secret key of a storage that is not the gateway."""
    ssh_user: str | None = None
    ssh_key: str | None = None


def settings(given: Mapping[str, str], wishes: Wishes, secrets: str) -> dict[str, str]:
    """Return what `.env` should hold that it does not yet: what stands there is never changed."""
    storage = wishes.storage or S3Service()
    wanted = {
        "WINDLASS_SECRETS": secrets,
        "AIRFLOW_BASE_URL": f"https://{wishes.host}:{wishes.port}",
        "AIRFLOW_LISTEN": f"127.0.0.1:{wishes.port}",
        "AIRFLOW_LOGS": f"s3://{storage.logs_bucket}/airflow",
        "COMPOSE_PROFILES": GATEWAY_PROFILE if storage.is_gateway else "",
    }
    return {name: value for name, value in wanted.items() if name not in given}


def parse_settings(text: str) -> dict[str, str]:
    """Read a `.env`: lines NAME=VALUE, with or without quotes around the value."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): _unquoted(value.strip()) for name, _, value in pairs}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
