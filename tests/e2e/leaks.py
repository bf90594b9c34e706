"""Everything that runs leave behind, for looking for secrets in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy

from e2e.ground import HOSTS, Ground
from windlass.domain.pki import secrets

DAGS = ("create_cluster", "apply_cluster", "delete_cluster")

_HOST = r"""
journalctl --no-pager -o cat
for id in $(docker ps -aq); do docker inspect "$id"; docker logs --tail 3000 "$id" 2>&1; done
find /etc/windlass /etc/systemd/system /var/lib/windlass/applied /run/windlass /tmp /var/log -type f -size -20M \
  \( -perm /077 -o -path '/var/log/windlass/*' \) -exec cat {} + 2>/dev/null
cat /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n'
true
"""
"""Files that only root can read may hold secrets: that is where keys belong. All others may not."""


@dataclass
class CommandLines:
    """The command lines of all processes of this machine, and so of all hosts of the lab, while they are watched."""

    seen: set[str] = field(default_factory=set)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look all the time until the end of the block."""
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(ended,))
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def look(self) -> None:
        """Look once."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                self.seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:  # it ended meanwhile
                continue

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(0.3):
            self.look()


def all_secrets(ground: Ground) -> list[str]:
    """Return every secret of the cluster, its store, its hosts' logins and the seal around it."""
    login = [line for line in ground.lab.key_path.read_text().splitlines() if not line.startswith("-----")]
    return [
        *secrets(ground.pki()),
        *(line for line in login if len(line) > 16),
        ground.master_key.reveal(),
        ground.lab.s3_credentials().secret_key,
    ]


def places_with(needles: Iterable[str], leftovers: Iterable[tuple[str, str]]) -> list[str]:
    """Return the places in which any of `needles` stands; never the needle itself."""
    # A text may be kept as JSON: there its ends of lines look different.
    words = {form for needle in needles for form in (needle, json.dumps(needle)[1:-1])}
    return [place for place, text in leftovers if any(word in text for word in words)]


def leftovers(ground: Ground, command_lines: CommandLines) -> Iterator[tuple[str, str]]:
    """Yield all that was left behind: where it is, and its text."""
    yield from (("command line", line) for line in command_lines.seen)
    for path in sorted(ground.home.logs.rglob("*")):
        if path.is_file():
            yield f"log {path.relative_to(ground.home.logs)}", path.read_text(errors="replace")
    yield from _database(ground)
    yield from _rest(ground)
    for item in ground.bucket.list(""):
        stored = ground.bucket.get(item.key)
        if stored is not None:
            yield f"store {item.key}", stored.data.decode(errors="replace")
    for host in HOSTS:
        yield f"host {host}", ground.on(host, _HOST)


def _database(ground: Ground) -> Iterator[tuple[str, str]]:
    """Every row of every table of Airflow: XComs, rendered templates, params, notes, logs of events."""
    url = json.loads(ground.home.environment.read_text())["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            for table in sqlalchemy.inspect(engine).get_table_names():
                rows = connection.execute(sqlalchemy.text(f'SELECT t::text FROM "{table}" t'))  # noqa: S608 - a name that the database gave
                yield f"table {table}", "\n".join(row[0] for row in rows)
    finally:
        engine.dispose()


def _rest(ground: Ground) -> Iterator[tuple[str, str]]:
    """What the REST API shows of each run: its params, its tasks with their rendered templates, its XComs."""
    client = ground.client
    for dag in DAGS:
        for run in client.runs(dag):
            path = f"/api/v2/dags/{dag}/dagRuns/{run.run_id}"
            yield f"rest {run.run_id}", json.dumps(client._checked(client._send("GET", path)))
            for task in client._pages(f"{path}/taskInstances", "task_instances"):
                yield f"rest {run.run_id} {task['task_id']}", json.dumps(task)
                below = f"{path}/taskInstances/{task['task_id']}/xcomEntries"
                for entry in client._pages(below, "xcom_entries"):
                    one = f"{below}/{entry['key']}?map_index={entry['map_index']}"
                    found = client._checked(client._send("GET", one))
                    yield f"rest {run.run_id} {task['task_id']} {entry['key']}", json.dumps(found)
