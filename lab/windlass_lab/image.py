"""The image that hosts are made of: built once for each recipe, kept outside the checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

from windlass.errors import CommandError, CommandFailure, UnreachableError
from windlass_lab.docker import THIS_MACHINE, docker
from windlass_lab.places import RECIPE, Say, exclusive, image_directory

REPOSITORY = "windlass-lab-host"
BUILD_TIME_LIMIT = timedelta(minutes=20)
RELEASE = "bookworm"


def recipe_hash(recipe: Path = RECIPE) -> str:
    """Return a digest over all files that the image is made from."""
    digest = hashlib.sha256()
    for path in sorted(recipe.iterdir()):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def parse_index_targets(text: str) -> str:
    """Return the address of Debian's packages of `RELEASE` among apt's index targets; empty if it has none."""
    for line in text.splitlines():
        address, codename, component = line.split()
        if codename == RELEASE and component == "main" and address.rstrip("/").endswith("/debian"):
            return address
    return ""


def ensure_image(say: Say) -> str:
    """Return the reference of the host image in Docker, having built or loaded it where it is missing."""
    reference = f"{REPOSITORY}:{recipe_hash()}"
    if _is_loaded(reference):
        return reference
    tarball = ensure_tarball(say)
    with exclusive("image"):
        if _is_loaded(reference):
            return reference
        if tarball is None:
            _build_from_dockerfile(reference, say)
        else:
            say("loading the host image into Docker")
            docker("import", str(tarball), reference, timeout=BUILD_TIME_LIMIT)
    return reference


def ensure_tarball(say: Say) -> Path | None:
    """Return the host image as a tar archive, built where it is missing; None where only Docker can build it."""
    tarball = image_directory() / f"{recipe_hash()}.tar"
    with exclusive("image"):
        if _is_intact(tarball):
            return tarball
        mirror = _package_mirror(say)
        if not mirror:
            return None
        _build_with_debootstrap(mirror, tarball, say)
    return tarball


def _is_loaded(reference: str) -> bool:
    return bool(docker("image", "ls", "--quiet", reference).strip())


def _is_intact(tarball: Path) -> bool:
    """Tell whether a tarball is there and is still what was written."""
    digest = tarball.with_suffix(".sha256")
    return tarball.exists() and digest.exists() and digest.read_text() == _sha256(tarball)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _package_mirror(say: Say) -> str:
    """Return where debootstrap finds its packages; empty where it cannot be used."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return ""
    mirror = os.environ.get("WINDLASS_DEBIAN_MIRROR") or parse_index_targets(
        _machine("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages")
    )
    if mirror and not shutil.which("debootstrap"):
        say("installing debootstrap by apt-get")
        _machine("apt-get", "update", "-q")
        _machine("apt-get", "install", "-y", "-q", "--no-install-recommends", "debootstrap")
    return mirror


def _build_with_debootstrap(mirror: str, tarball: Path, say: Say) -> None:
    say("building the host image out of Debian's packages (1 to 3 minutes, once)")
    tarball.parent.mkdir(parents=True, exist_ok=True)
    root = tarball.with_suffix(".root")
    if root.exists():
        # Left by a build that was killed; debootstrap wants to start from nothing.
        _machine("rm", "-rf", "--one-file-system", str(root))
    _machine(str(RECIPE / "build-debootstrap.sh"), mirror, str(root), str(tarball))
    tarball.with_suffix(".sha256").write_text(_sha256(tarball))


def _build_from_dockerfile(reference: str, say: Say) -> None:
    say("building the host image from its Dockerfile (1 to 3 minutes, once)")
    advice = "the base image must be pullable, or run as root on Debian bookworm, where no image is pulled"
    docker("build", "--quiet", "--tag", reference, str(RECIPE), timeout=BUILD_TIME_LIMIT, advice=advice)


def _machine(*argv: str) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, check=False, timeout=BUILD_TIME_LIMIT.total_seconds()
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"{THIS_MACHINE}: `{argv[0]}` did not end within {BUILD_TIME_LIMIT}") from error
    if done.returncode:
        output = done.stderr.strip() or done.stdout.strip()
        raise CommandError(CommandFailure(THIS_MACHINE, argv, done.returncode, output))
    return done.stdout
