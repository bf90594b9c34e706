"""Docker Compose for the file of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from windlass.domain.artifacts import Artifact
from windlass.errors import UnreachableError
from windlass.mirror.cache import artifact_path
from windlass.mirror.places import cache_directory

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Artifact("file", "docker-compose", "v2.40.3")


def compose_program() -> Sequence[str]:
    """Return how Compose is called: Docker's plugin, else the program of the mirror; NotReadyError without both."""
    if shutil.which("docker") and not _fails("docker", "compose", "version"):
        return ("docker", "compose")
    source = artifact_path(PROGRAM)
    program = cache_directory() / "production" / f"docker-compose-{PROGRAM.version}"
    if not program.exists():  # the mirror keeps files without their x bit
        program.parent.mkdir(parents=True, exist_ok=True)
        temporary = program.with_name(f".{program.name}.{os.getpid()}")
        shutil.copy(source, temporary)
        temporary.chmod(0o755)
        temporary.replace(program)
    return (str(program),)


def compose(*words: str, env: Path = ROOT / ".env") -> None:
    """Run one command of it with the settings `env`, shown as it goes; UnreachableError if it fails."""
    argv = [*compose_program(), "--project-directory", str(ROOT), "--env-file", str(env), *words]
    # Without the plugin of BuildKit it has to be told so.
    builder = {"DOCKER_BUILDKIT": "0"} if _fails("docker", "buildx", "version") else {}
    done = subprocess.run(argv, env={**os.environ, **builder}, check=False)
    if done.returncode:
        raise UnreachableError(
            f"`docker compose {' '.join(words)}` exited with {done.returncode}; what it said is above"
        )


def _fails(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode != 0
