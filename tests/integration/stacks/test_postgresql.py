"""The stack `postgresql` with a real PostgreSQL: who begins, who follows, who is promoted, and who refuses to start."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from unit.rendering.conftest import SHIPPED, Rendering, make_cluster
from windlass.domain.catalog import Release
from windlass.domain.spec.references import RevealedText, with_values
from windlass.domain.spec.settled import settled
from windlass.effects.catalog import load_catalog

pytestmark = pytest.mark.full

ADDRESSES = {"w-1": "127.0.0.21", "w-2": "127.0.0.22"}
STACK = "/etc/windlass/stacks/postgresql/"
PASSWORD = "it's \\ a: $(word)"
BIN = next(Path("/usr/lib/postgresql").glob("*/bin"))
IS_ROOT = os.geteuid() == 0


def wait_for(look: Callable[[], Any], what: str, seconds: float = 240) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.2)
    return found


@dataclass
class Database:
    """The container of one host, as a process whose paths lead below a directory of its own."""

    name: str
    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return ADDRESSES[self.name]

    @property
    def data(self) -> Path:
        return self.directory / "var/lib/windlass/stacks/postgresql/data"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    def lay(self, rendering: Rendering) -> None:
        for path, file in rendering.host(self.name).items():
            if path.startswith(STACK):
                text = file.text.replace("/usr/lib/postgresql/15/bin", str(BIN))
                for place in ("/etc/windlass", "/var/lib/windlass", "/run/postgresql"):
                    text = text.replace(place, f"{self.directory}{place}")
                (self.directory / path[1:]).parent.mkdir(parents=True, exist_ok=True)
                (self.directory / path[1:]).write_text(text)
                (self.directory / path[1:]).chmod(file.mode)
        with (self.directory / STACK[1:] / "pg_hba.conf").open("a") as hba:
            hba.write("host replication postgres 127.0.0.1/32 scram-sha-256\n")  # here all hosts come from it
        for kept in (self.data.parent, self.directory / "run"):
            kept.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        shutil.rmtree(self.directory / "run/postgresql", ignore_errors=True)  # it is in the container's memory
        script = self.directory / STACK[1:] / "run.sh"
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(["sh", script], stdout=log, stderr=log, start_new_session=True)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it as Docker does: one process is told, or all are killed."""
        if self.process is not None and self.process.poll() is None:
            (os.killpg if number == signal.SIGKILL else os.kill)(self.process.pid, number)
            self.process.wait(60)

    def restart(self, rendering: Rendering) -> None:
        self.stop()
        self.lay(rendering)
        self.start()

    def sql(self, text: str, password: str = PASSWORD) -> str:
        words = f"host={self.address} port={self.port} user=postgres dbname=postgres connect_timeout=3"
        argv = [str(BIN / "psql"), "-X", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", words]
        environment = {**os.environ, "PGPASSWORD": password}
        done = subprocess.run(
            argv, check=False, input=text, env=environment, capture_output=True, text=True, timeout=60
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    def is_primary(self) -> bool:
        return self.sql("select pg_is_in_recovery()") == "f"

    def follows(self) -> bool:
        return self.sql("select status from pg_stat_wal_receiver") == "streaming"

    def inside(self, script: str) -> str:
        """Run a script of the stack as `docker exec -u postgres` does."""
        path = str(self.directory / "run/postgresql" / script)
        argv = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "sh", path]
            if IS_ROOT
            else ["sh", path]
        )
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout


@dataclass
class Rig:
    """Two hosts that may run the stack."""

    release: Release
    directory: Path
    port: int
    hosts: dict[str, Database] = field(default_factory=dict)

    def rendering(self, *placed: str, password: str = PASSWORD, **values: Any) -> Rendering:
        values = {"port": self.port, "password": {"fromVariable": "windlass_secret_db"}, **values}
        members = {name: {"address": address} for name, address in ADDRESSES.items()}
        stack = {"name": "postgresql", "scale": len(placed), "placed": list(placed), "values": values}
        cluster = make_cluster({name: ["worker"] for name in ADDRESSES}, members=members, stacks=[stack])
        cluster = with_values(settled(cluster, None, self.release.stacks), lambda _: RevealedText(password), "stacks")
        return Rendering(cluster, self.release)

    def start(self, rendering: Rendering, *names: str) -> list[Database]:
        for name in names:
            self.hosts[name] = Database(name, self.directory / name, self.port)
            self.hosts[name].directory.mkdir(mode=0o755)
            self.hosts[name].restart(rendering)
        return [self.hosts[name] for name in names]


@pytest.fixture(scope="module")
def release() -> Release:
    return load_catalog(SHIPPED).release("v1.37.2")


@pytest.fixture
def rig(release: Release) -> Iterator[Rig]:
    directory = Path(tempfile.mkdtemp(prefix="wl-pg-", dir="/tmp"))  # the path of a socket has to be short
    directory.chmod(0o755)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    made = Rig(release, directory, port)
    try:
        yield made
    finally:
        for host in made.hosts.values():
            host.stop(signal.SIGKILL)
            print(f"{host.name}:\n{host.log}")  # noqa: T201  pytest shows it of a test that fails
        shutil.rmtree(directory)


def test_one_host_has_a_database_that_outlives_its_container_and_takes_another_password(rig: Rig) -> None:
    (alone,) = rig.start(rig.rendering("w-1", parameters="work_mem = '9MB'\nlog_duration = on"), "w-1")
    wait_for(alone.is_primary, "the database")
    assert alone.sql("select 1", "another") == ""
    assert alone.sql("show work_mem") == "9MB"
    assert alone.sql("create table kept as select 7 as number; select number from kept") == "SELECT 1\n7"
    lines = [one.read_bytes() for one in Path("/proc").glob("[0-9]*/cmdline") if one.exists()]
    assert not [one for one in lines if PASSWORD.encode() in one]

    alone.stop(signal.SIGKILL)
    alone.start()
    wait_for(lambda: alone.sql("select number from kept") == "7", "what was kept")

    alone.restart(rig.rendering("w-1", password="new"))
    wait_for(lambda: alone.sql("select number from kept", "new") == "7", "the new password")
    assert alone.sql("select 1") == ""
    assert "'new'" not in alone.log


def test_a_backup_is_put_into_another_one(rig: Rig) -> None:
    (alone,) = rig.start(rig.rendering("w-1"), "w-1")
    wait_for(alone.is_primary, "the database")
    assert alone.sql("create role app login; create database app owner app; create table a as select 7 as number")
    saved = alone.inside("backup.sh")

    (other,) = rig.start(rig.rendering("w-2"), "w-2")
    wait_for(other.is_primary, "the other database")
    argv = [str(BIN / "psql"), "-X", "-q", f"host={other.address} port={rig.port} user=postgres dbname=postgres"]
    subprocess.run(argv, input=saved, env={**os.environ, "PGPASSWORD": PASSWORD}, text=True, check=True, timeout=60)
    assert other.sql("select number from a; select count(*) from pg_database where datname = 'app'") == "7\n1"


def test_who_follows_is_promoted_and_who_was_primary_follows_without_what_only_it_had(rig: Rig) -> None:
    both = rig.rendering("w-1", "w-2")
    first, second = rig.start(both, "w-1", "w-2")
    wait_for(second.follows, "the follower")
    assert first.sql("create table a as select 7 as number")
    wait_for(lambda: second.sql("select number from a") == "7", "what the primary wrote")

    # It is cut off, and still writes; then its power is lost.
    second.stop(signal.SIGKILL)
    assert first.sql("insert into a values (8)")
    first.stop(signal.SIGKILL)
    moved = rig.rendering("w-1", "w-2", primary="w-2")
    second.restart(moved)
    wait_for(second.is_primary, "the new primary")
    assert second.sql("insert into a values (9)")

    first.start()  # by the spec from before
    wait_for(lambda: f"{second.address} is the primary" in first.log, "its refusal")
    first.restart(moved)
    wait_for(first.follows, "the old primary to follow")
    wait_for(lambda: first.sql("select number from a order by 1") == "7\n9", "what the new primary has")


def test_roles_are_changed_in_whatever_order_hosts_are_and_nothing_is_lost(rig: Rig) -> None:
    first, second = rig.start(rig.rendering("w-1", "w-2"), "w-1", "w-2")
    wait_for(second.follows, "the follower")
    assert first.sql("create table a as select 1 as number")
    moved = rig.rendering("w-1", "w-2", primary="w-2")

    second.restart(moved)  # first who follows: it waits for the primary to end
    wait_for(lambda: second.sql("select 1") == "1", "the follower again")
    assert first.sql("insert into a values (2)")
    first.restart(moved)
    wait_for(lambda: second.is_primary() and first.follows(), "the roles to be changed")
    assert second.sql("insert into a values (3)")

    back = rig.rendering("w-1", "w-2")
    second.restart(back)  # first who is the primary
    first.restart(back)
    wait_for(lambda: first.is_primary() and second.follows(), "the roles to be as they were")
    wait_for(lambda: second.sql("select number from a order by 1") == "1\n2\n3", "all that was written")


def test_another_primary_with_fewer_connections_is_both_at_once(rig: Rig) -> None:
    first, second = rig.start(rig.rendering("w-1", "w-2"), "w-1", "w-2")
    wait_for(second.follows, "the follower")
    assert first.sql("create table a as select 1 as number")
    moved = rig.rendering("w-1", "w-2", primary="w-2", maxConnections=50)

    second.restart(moved)
    wait_for(lambda: second.sql("show max_connections") == "100", "the follower, with as many as its primary")
    first.restart(moved)

    wait_for(lambda: second.sql("show max_connections; select pg_is_in_recovery()") == "50\nf", "the new primary")
    wait_for(first.follows, "the old primary to follow")
    assert second.sql("insert into a values (2)")
    wait_for(lambda: first.sql("select number from a order by 1") == "1\n2", "all that was written")


def test_a_host_without_databases_never_begins_where_others_may_have_them(rig: Rig) -> None:
    (first,) = rig.start(rig.rendering("w-1"), "w-1")
    wait_for(first.is_primary, "the database")
    assert first.sql("create table a as select 7 as number")
    moved = rig.rendering("w-1", "w-2", primary="w-2")
    first.restart(moved)
    (second,) = rig.start(moved, "w-2")
    wait_for(lambda: "let it follow before it is the primary" in second.log, "its refusal")
    assert not second.data.exists()

    both = rig.rendering("w-1", "w-2")
    first.restart(both)
    second.restart(both)
    wait_for(second.follows, "the follower")
    first.stop()
    shutil.rmtree(first.data)  # its disk is lost
    first.start()
    wait_for(lambda: f"{second.address} has the databases and this host has none" in first.log, "its refusal")
    assert not first.data.exists()
