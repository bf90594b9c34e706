"""The image that hosts are made of: built once for each recipe, kept outside the checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import timedelta
from pathlib import Path

from windlass.mirror.checksums import file_sha256
from windlass_lab.docker import docker
from windlass_lab.here import ensure_program, run_here
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


def mounts_below(mounts: str, root: Path) -> list[str]:
    """Return where something is mounted below `root`, from /proc/mounts: the last first, as it can be unmounted."""
    points = [line.split()[1] for line in mounts.splitlines()]
    return [point for point in reversed(points) if Path(point).is_relative_to(root)]


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
    return tarball if ensure_built(RECIPE / "build-debootstrap.sh", tarball, say) else None


def ensure_built(script: Path, result: Path, say: Say) -> bool:
    """Have `script` make the file `result` out of Debian's packages where it is missing, or is not what was written.

    False where that cannot be done: this user is not root, or the machine is no Debian.
    """
    with exclusive("image"):
        if _is_intact(result):
            return True
        mirror = _package_mirror(say)
        if mirror:
            _build_with_debootstrap(script, mirror, result, say)
        return bool(mirror)


def _is_loaded(reference: str) -> bool:
    return bool(docker("image", "ls", "--quiet", reference).strip())


def _is_intact(result: Path) -> bool:
    """Tell whether what was built is there and is still what was written."""
    digest = result.with_suffix(".sha256")
    return result.exists() and digest.exists() and digest.read_text() == file_sha256(result)


def _package_mirror(say: Say) -> str:
    """Return where debootstrap finds its packages; empty where it cannot be used."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return ""
    mirror = os.environ.get("WINDLASS_DEBIAN_MIRROR") or parse_index_targets(
        run_here("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages")
    )
    if mirror:
        ensure_program("debootstrap", "debootstrap", say)
    return mirror


def _build_with_debootstrap(script: Path, mirror: str, result: Path, say: Say) -> None:
    say(f"building {result.name} out of Debian's packages (1 to 5 minutes, once)")
    result.parent.mkdir(parents=True, exist_ok=True)
    root = result.with_suffix(".root")
    if root.exists():
        # Left by a build that was killed; debootstrap wants to start from nothing, and mounts /proc and more there.
        for mounted in mounts_below(Path("/proc/mounts").read_text(), root):
            run_here("umount", mounted)
        run_here("rm", "-rf", "--one-file-system", str(root))
    run_here(str(script), mirror, str(root), str(result))
    result.with_suffix(".sha256").write_text(file_sha256(result))


def _build_from_dockerfile(reference: str, say: Say) -> None:
    say("building the host image from its Dockerfile (1 to 3 minutes, once)")
    advice = "the base image must be pullable, or run as root on Debian bookworm, where no image is pulled"
    docker("build", "--quiet", "--tag", reference, str(RECIPE), timeout=BUILD_TIME_LIMIT, advice=advice)
