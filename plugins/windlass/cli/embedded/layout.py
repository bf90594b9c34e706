"""Where an embedded Airflow keeps its state, and what it is made from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from windlass.effects.packaged import dags_directory
from windlass.errors import WindlassError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def cache_directory() -> Path:
    """Return the directory of everything that outlives the checkout ($WINDLASS_CACHE)."""
    return Path(os.environ.get("WINDLASS_CACHE") or Path.home() / ".cache" / "windlass")


@dataclass(frozen=True)
class Home:
    """The state directory of one embedded Airflow; every path of it has its name here."""

    root: Path

    @classmethod
    def of(cls, name: str) -> Home:
        """Return the home of the instance called `name`."""
        if not _NAME.fullmatch(name):
            raise WindlassError(f"{name!r} is no name for an Airflow: use up to 32 of a-z, 0-9 and inner hyphens")
        return cls(cache_directory() / "airflow" / name)

    @classmethod
    def started(cls) -> tuple[Home, ...]:
        """Return the homes of the instances that were started here, and not taken down again; they may run or not."""
        return tuple(cls(record.parent) for record in sorted((cache_directory() / "airflow").glob("*/instance.json")))

    @property
    def secrets(self) -> Path:
        """Generated keys and the admin's password (0600)."""
        return self.root / "secrets.json"

    @property
    def passwords(self) -> Path:
        """The admin's password in the form that SimpleAuthManager reads (0600)."""
        return self.root / "passwords.json"

    @property
    def environment(self) -> Path:
        """Every variable that the components get, connections included (0600)."""
        return self.root / "environment.json"

    @property
    def record(self) -> Path:
        """Which process runs this instance, and where it listens."""
        return self.root / "instance.json"

    @property
    def lock(self) -> Path:
        """Held while an instance is being started or stopped."""
        return self.root / "lock"

    @property
    def migrated(self) -> Path:
        """Holds the Airflow version that the database was last brought to."""
        return self.root / "database-version"

    @property
    def plugins(self) -> Path:
        """Where Airflow looks for plugins that are not installed; nothing is put there, as Windlass's own is."""
        return self.root / "plugins"

    @property
    def logs(self) -> Path:
        """One log file for each component; the logs of tasks are in its directory `tasks`."""
        return self.root / "logs"


@dataclass(frozen=True)
class Settings:
    """What an embedded Airflow runs: DAGs, connections and further Airflow settings."""

    dags: Path = field(default_factory=dags_directory)
    connections: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Connection id to its JSON form, as Airflow reads it from AIRFLOW_CONN_*."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Further environment variables, AIRFLOW__SECTION__KEY included; they win over the defaults."""
    parallelism: int = 8
    """How many tasks may run at once."""
