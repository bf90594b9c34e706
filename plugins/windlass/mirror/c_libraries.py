"""Headers and static libraries for Go programs with C in them, where `go` finds them without being installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from windlass.mirror.debian import Entry


def lay_out(files: Mapping[str, Entry], into: Path) -> None:
    """Write headers (`*.h`) and libraries (`lib*.a`) into the directory `into`."""
    into.mkdir(parents=True)
    for path, entry in files.items():
        (into / PurePosixPath(path).name).write_bytes(entry.content)


def cgo_environment(libraries: Path) -> dict[str, str]:
    """Return what has `go` compile and link C with what lies in `libraries` (https://pkg.go.dev/cmd/cgo).

    Packages that ask pkg-config are told nothing by it: this machine's own libraries stay out of the program.
    """
    names = sorted(path.stem.removeprefix("lib") for path in libraries.glob("lib*.a"))
    return {
        "CGO_ENABLED": "1",
        "PKG_CONFIG": "true",
        "CGO_CFLAGS": f"-O2 -I{libraries}",
        "CGO_LDFLAGS": " ".join([f"-L{libraries}", *(f"-l{name}" for name in names)]),
    }
