"""The command `windlass production`; what it does, `windlass.cli.production` has, which takes longer to load."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from windlass.errors import SpecError

_INIT = "write the settings (.env) and all secrets (secrets/) of docker-compose.yaml; what is there stays"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass production` and all below it."""
    parser = commands.add_parser(
        "production", help="an Airflow for production by docker-compose.yaml", description=__doc__
    )
    parts = parser.add_subparsers(required=True, metavar="COMMAND")
    init = parts.add_parser("init", help=_INIT, description=_INIT)
    init.add_argument("--directory", type=Path, default=Path(), help="where docker-compose.yaml lies (default: here)")
    init.add_argument("--host", default="localhost", help="name or address of the pages, for URL and certificate")
    init.add_argument("--port", type=int, default=8443, help="of the pages (default: 8443)")
    init.add_argument("--s3", metavar="URL", help="an S3 service of your own (default: the set-up's gateway)")
    init.add_argument("--bucket", help="in it, for the store")
    init.add_argument("--logs-bucket", help="in it, for the logs of tasks (default: that of the store)")
    init.add_argument("--access-key", help="its login; the secret key is read from the standard input")
    init.add_argument("--ssh-user", metavar="USER", help="who logs in to hosts, as connection `windlass_ssh`")
    init.add_argument("--ssh-key", metavar="FILE", type=Path, help="the private key of that login")
    init.set_defaults(run=_init)


def _init(arguments: argparse.Namespace) -> int:
    from windlass.cli.production.init import write_setup
    from windlass.cli.production.wishes import S3Service, Wishes

    own = (arguments.s3, arguments.bucket, arguments.access_key)
    if any(own) and not all(own):
        raise SpecError("--s3, --bucket and --access-key go together: an S3 service of your own needs all three")
    if (arguments.ssh_user is None) != (arguments.ssh_key is None):
        raise SpecError("--ssh-user and --ssh-key go together")
    storage = None
    if arguments.s3:
        logs = arguments.logs_bucket or arguments.bucket
        storage = S3Service(arguments.s3, arguments.bucket, logs, arguments.access_key)
    wishes = Wishes(
        arguments.host,
        arguments.port,
        storage,
        sys.stdin.readline().strip() if storage else None,
        arguments.ssh_user,
        _read(arguments.ssh_key) if arguments.ssh_key else None,
    )
    written = write_setup(arguments.directory, wishes)
    print("\n".join(f"wrote {name}" for name in written) or "all of it is there, and nothing had to change")
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}; name the file of the private key") from error
