"""What serves a mirror: a file server that is one Python file, and the registry."""

from __future__ import annotations

from pathlib import Path

from windlass.mirror import file_server
from windlass.mirror.registry import registry_config as _registry_config


def file_server_path() -> Path:
    """Return the file server: one file that any Python 3 runs, with ``--root --address --port``."""
    return Path(file_server.__file__)


def registry_config(storage: Path | str, address: str = "0.0.0.0:5000", *, readonly: bool = True) -> str:
    """Write what ``registry serve FILE`` needs; `storage` is SOURCE/registry as that process sees it."""
    return _registry_config(storage, address, read_only=readonly)


def serve_files(root: Path, address: str, port: int, tls: tuple[Path, Path] | None = None) -> None:
    """Serve the files of the mirror directory `root` until the process is stopped; by https with `tls`.

    That is a file of certificates and one of their key. SpecError if the two are none that go together.
    """
    with file_server.make_server(root, address, port, tls) as server:
        server.serve_forever()
