"""Files that only their owner may read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from windlass.cli.embedded.layout import Home

ADMIN = "admin"


def write_private(path: Path, content: str) -> None:
    """Replace `path` with `content`, mode 0600 from its first moment on."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


@dataclass(frozen=True, repr=False)
class Secrets:
    """The generated secrets of one instance; they stay the same for as long as its database does."""

    fernet_key: str
    jwt_secret: str
    api_secret_key: str
    admin_password: str


def _generate() -> Secrets:
    return Secrets(
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        jwt_secret=secrets.token_urlsafe(48),
        api_secret_key=secrets.token_urlsafe(32),
        admin_password=secrets.token_urlsafe(12),
    )


def load_or_generate(home: Home) -> Secrets:
    """Return the secrets of `home`, making them the first time."""
    if home.secrets.exists():
        return Secrets(**json.loads(home.secrets.read_text()))
    made = _generate()
    write_private(home.secrets, json.dumps(asdict(made)))
    write_private(home.passwords, json.dumps({ADMIN: made.admin_password}) + "\n")
    return made


def login(home: Home) -> tuple[str, str]:
    """Return the user and the password for the pages of this Airflow."""
    return ADMIN, load_or_generate(home).admin_password
