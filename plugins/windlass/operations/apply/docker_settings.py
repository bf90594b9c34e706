"""Docker's settings on a host: Windlass's added to the owner's, and taken out again."""

from __future__ import annotations

from windlass.domain.host.file_drift import FileState
from windlass.domain.host.layout import DOCKER_ADDED, DOCKER_BEFORE, DOCKER_DAEMON, DOCKER_RESTORED
from windlass.domain.rendering import merge_daemon_settings, with_added, without_added
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.operations.compare_host import read_text


def put_docker_settings(connection: Connection, rendered: RemoteFile) -> None:
    """Lay Docker's settings down, the rendered ones added to those that are there, once what is added is noted.

    A file that is there keeps its owner, and is not opened to anybody. SpecError if what it has is not JSON.
    """
    existing = read_text(connection, DOCKER_DAEMON)
    settings = merge_daemon_settings(existing, rendered.content.decode())
    if settings != existing:
        added = with_added(read_text(connection, DOCKER_ADDED), existing, settings)
        connection.put(DOCKER_ADDED, added.encode(), mode=0o600)
    there = connection.stat([DOCKER_DAEMON])[DOCKER_DAEMON]
    mode, owner = rendered.mode, rendered.owner
    if isinstance(there, FileState):
        mode, owner = there.mode & mode, there.owner
    connection.put(DOCKER_DAEMON, settings.encode(), mode=mode, owner=owner)


def find_former_settings(connection: Connection) -> None:
    """Lay down, for the script that removes a cluster, what Docker's settings shall be without what was added.

    SpecError if they are not JSON by now.
    """
    added = read_text(connection, DOCKER_ADDED)
    if added is not None:
        left = without_added(read_text(connection, DOCKER_DAEMON), added, read_text(connection, DOCKER_BEFORE))
        connection.put(DOCKER_RESTORED, left.encode(), mode=0o600)
