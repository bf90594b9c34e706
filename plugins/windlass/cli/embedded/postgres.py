"""The Postgres of an embedded Airflow: reached by a unix socket alone, in a directory that only its owner enters.

Postgres refuses to run as root. Started by root it runs as the user `postgres`, and its data live where that user
may go; started by anyone else it runs as that user, below the instance's home.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from windlass.cli.embedded.layout import Home
from windlass.errors import NotReadyError, WindlassError

_ROOT_BASE = Path("/var/lib/windlass-airflow")
_SERVICE_USER = "postgres"
_INSTALL = "install PostgreSQL 13 or newer (Debian, Ubuntu: apt-get install postgresql; Fedora: postgresql-server)"
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "80",
    "shared_buffers": "64MB",
    # The last half second may be lost with the machine's power; the database stays consistent.
    "synchronous_commit": "off",
    "jit": "off",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "unix_socket_permissions": "0700",
}


def find_binaries() -> Path | None:
    """Return the directory with `initdb` and `postgres` of the newest Postgres here, or None."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    candidates = [*debian, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


def install_with_apt() -> None:
    """Install Debian's Postgres without the server that the package would otherwise start."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise WindlassError(f"the embedded Airflow needs a Postgres and none is here: {_INSTALL}")
    no_cluster = Path("/etc/postgresql-common/createcluster.conf")
    if not no_cluster.exists():
        no_cluster.parent.mkdir(parents=True, exist_ok=True)
        no_cluster.write_text("create_main_cluster = false\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", "postgresql"]):
        done = subprocess.run(["apt-get", *words], env=environment, capture_output=True, text=True, check=False)
        if done.returncode and words[0] == "install":
            raise WindlassError(f"`apt-get install postgresql` exited {done.returncode}: {done.stderr.strip()[-400:]}")


def ensure_binaries() -> Path:
    """Return the directory of the Postgres programs, installing them where we may."""
    if not find_binaries():
        install_with_apt()
    found = find_binaries()
    if not found:
        raise WindlassError(f"no Postgres found on PATH or below /usr/lib/postgresql: {_INSTALL}")
    return found


@dataclass(frozen=True)
class Postgres:
    """One Postgres: where its programs, its data and its socket are, and whose it is."""

    binaries: Path
    directory: Path
    user: str | None
    """The user to become, or None to stay who we are."""

    @classmethod
    def of(cls, home: Home) -> Postgres:
        """Return the Postgres that belongs to `home`."""
        binaries = ensure_binaries()
        if os.geteuid() != 0:
            return cls(binaries, home.root / "postgres", None)
        mark = hashlib.sha256(str(home.root).encode()).hexdigest()[:8]
        return cls(binaries, _ROOT_BASE / f"{home.root.name}-{mark}", _SERVICE_USER)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    @property
    def socket_directory(self) -> Path:
        """The directory of the unix socket; short, because a socket's path may have 107 characters at most."""
        inside = self.directory / "socket"
        if len(str(inside)) < 80:
            return inside
        mark = hashlib.sha256(str(self.directory).encode()).hexdigest()[:12]
        return Path(f"/tmp/windlass-{os.geteuid()}-{mark}")  # noqa: S108 - made with mode 0700, refused if foreign

    def _owner(self) -> tuple[int, int]:
        if self.user is None:
            return os.geteuid(), os.getegid()
        entry = pwd.getpwnam(self.user)
        return entry.pw_uid, entry.pw_gid

    def _make_directory(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        uid, gid = self._owner()
        if path.is_symlink() or path.stat().st_uid not in {uid, os.geteuid()}:
            raise WindlassError(f"{path} belongs to someone else; remove it and try again")
        os.chown(path, uid, gid)
        path.chmod(0o700)

    def initialise(self) -> None:
        """Make the directories and, the first time, the database cluster."""
        if self.user:
            _ROOT_BASE.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._make_directory(self.directory)
        self._make_directory(self.socket_directory)
        if (self.data / "PG_VERSION").exists():
            return
        argv = [str(self.binaries / "initdb"), "--pgdata", str(self.data), "--username", "airflow", "--auth", "reject"]
        argv += ["--auth-local", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        done = subprocess.run(argv, cwd="/", capture_output=True, text=True, check=False, **self._identity())
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise WindlassError(f"initdb in {self.data} exited {done.returncode}: {done.stderr.strip()[-400:]}")

    def _identity(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        group = self._owner()[1]
        return {"user": self.user, "group": group, "extra_groups": [group]}

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """Start the server in the foreground of a child process and return that process."""
        options = {**_SETTINGS, "unix_socket_directories": str(self.socket_directory)}
        flags = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        with log.open("ab") as stream:
            return subprocess.Popen(
                [self.binaries / "postgres", "-D", self.data, *flags],
                **self._identity(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )

    def wait_until_ready(self, process: subprocess.Popen[bytes], log: Path, *, seconds: float = 30) -> None:
        """Return once the server answers and the database `airflow` exists."""
        deadline = time.monotonic() + seconds
        while not self._try_to_create_database():
            if process.poll() is not None:
                raise WindlassError(f"Postgres ended with code {process.returncode} while it started; see {log}")
            if time.monotonic() > deadline:
                raise NotReadyError(f"Postgres did not answer within {seconds:.0f} s; see {log}")
            time.sleep(0.05)

    def _try_to_create_database(self) -> bool:
        try:
            connection = psycopg2.connect(dbname="postgres", user="airflow", host=str(self.socket_directory))
        except psycopg2.OperationalError:
            return False
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'airflow'")
                if cursor.fetchone() is None:
                    cursor.execute("CREATE DATABASE airflow")
        finally:
            connection.close()
        return True

    def remove(self) -> None:
        """Delete the data for good; the server must be down."""
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.socket_directory, ignore_errors=True)
