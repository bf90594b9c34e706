"""What serves a mirror: a file server that is one Python file, and the registry."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from windlass.mirror import file_server
from windlass.mirror.build_record import replace
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


@contextmanager
def images_served(
    program: Path, root: Path, address: str, tls: tuple[Path, Path] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Have the registry `program` serve the images of the mirror directory `root` at `address` (``HOST:PORT``)."""
    config = root / "serve-registry.json"
    replace(config, _registry_config(root / "registry", address, read_only=True, tls=tls))
    process = subprocess.Popen([str(program), "serve", str(config)])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=10)
