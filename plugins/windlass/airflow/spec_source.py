"""Where specs are followed from: the connection `windlass_specs`, or a folder beside somebody's own DAG."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from windlass.airflow.connections import find_connection
from windlass.domain.secret import Secret
from windlass.effects.git import GitSource, read_commit
from windlass.effects.spec_folder import read_folder
from windlass.errors import SpecError
from windlass.operations.sync.follow import SpecSource

SPECS_CONNECTION = "windlass_specs"
"""Type generic. A repository: host is its address, login and password are for https; the extra may have `branch`
(main), `folder`, `private_key` and `known_hosts`. Or a folder that every worker has: the extra has `path`."""
_MAIN = "main"


def source_of(folder: str = "", ref: str = "", conn_id: str = SPECS_CONNECTION) -> SpecSource:
    """Read all specs of a folder if one is given, else of the connection, at `ref` or the branch that is followed."""
    if folder:
        return _of_folder(Path(folder), ref)
    connection = find_connection(conn_id)
    extra: dict[str, Any] = connection.extra_dejson
    if extra.get("path"):
        return _of_folder(Path(str(extra["path"])), ref)
    if not connection.host:
        raise SpecError(
            f"connection `{conn_id}` names nothing to follow: give the address of a repository as host, or a folder as "
            "`path` in the extra"
        )
    branch, within = str(extra.get("branch") or _MAIN), str(extra.get("folder") or "")
    key = extra.get("private_key")
    found = read_commit(
        GitSource(
            url=connection.host,
            folder=within,
            login=connection.login or "",
            password=Secret(connection.password) if connection.password else None,
            private_key=Secret(str(key)) if key else None,
            known_hosts=str(extra.get("known_hosts") or ""),
        ),
        ref or branch,
    )
    name = f"{connection.host} {within}".strip()
    return SpecSource(name, found.revision, found.texts, found.wrong, is_followed=ref in {"", branch})


def _of_folder(folder: Path, ref: str) -> SpecSource:
    if ref:
        raise SpecError(f"{folder} is a folder, which has no branch {ref!r}; leave `ref` empty")
    texts, wrong = read_folder(folder)
    revision = hashlib.sha256("\0".join(f"{path}\0{text}" for path, text in sorted(texts.items())).encode())
    return SpecSource(str(folder), revision.hexdigest(), texts, wrong)
