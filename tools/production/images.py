"""The images of docker-compose.yaml: official where they can be pulled, else of Debian's packages and the mirror."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tools.production.compose import ROOT
from tools.production.wheels import fill_wheels

from windlass.domain.artifacts import Artifact
from windlass.errors import CommandError, NotReadyError
from windlass.mirror.cache import artifact_path
from windlass.mirror.places import cache_directory
from windlass_lab.docker import docker
from windlass_lab.image import ensure_built, recipe_hash

Say = Callable[[str], None]
OFFICIAL = "apache/airflow:slim-3.3.2-python3.11"
DEBIAN = "windlass-debian:bookworm"
GATEWAY = "windlass-s3:v1.8.0"
GATEWAY_PROGRAM = Artifact("file", "versitygw", "v1.8.0")
RECIPE = ROOT / "docker" / "debian"
TIME_LIMIT = timedelta(minutes=30)
SETTINGS = {
    "AIRFLOW_IMAGE": DEBIAN,
    "POSTGRES_IMAGE": DEBIAN,
    "REDIS_IMAGE": DEBIAN,
    "PROXY_IMAGE": DEBIAN,
    "S3_IMAGE": GATEWAY,
    "PIP_NO_INDEX": "true",
}
"""What `.env` says where no image can be pulled."""


def can_be_pulled(image: str = OFFICIAL) -> bool:
    """Tell whether an image is there, or can be had."""
    try:
        if not docker("image", "ls", "--quiet", image).strip():
            docker("pull", "--quiet", image, timeout=TIME_LIMIT)
    except CommandError:
        return False
    return True


def make_debian_images(say: Say) -> None:
    """Have the images that `SETTINGS` names in Docker, and all packages of Airflow's in build/wheels.

    NotReadyError where this machine cannot make them: it takes root, Debian or Ubuntu, and a filled mirror.
    """
    base = f"windlass-debian:{recipe_hash(RECIPE)}"
    if not _is_there(base):
        _import(base, say)
    docker("tag", base, DEBIAN)
    program = artifact_path(GATEWAY_PROGRAM)
    with tempfile.TemporaryDirectory() as context:
        shutil.copy(program, Path(context) / "versitygw")
        lines = f"FROM {base}\nCOPY versitygw /usr/local/bin/\nRUN chmod 0755 /usr/local/bin/versitygw\n"
        (Path(context) / "Dockerfile").write_text(lines)
        docker("build", "--quiet", "--tag", GATEWAY, context, timeout=TIME_LIMIT)
    python = docker(
        "run", "--rm", "--network", "none", base, "python", "-c", "import platform; print(platform.python_version())"
    )
    fill_wheels(python.strip(), say)


def _import(reference: str, say: Say) -> None:
    archive = cache_directory() / "production" / f"{recipe_hash(RECIPE)}.tar"
    if not ensure_built(RECIPE / "build-debootstrap.sh", archive, say):
        raise NotReadyError(
            "this machine: no official image can be pulled, and only root on Debian or Ubuntu can make others; "
            "name images of your own in .env (AIRFLOW_IMAGE and the other *_IMAGE of docker-compose.yaml)"
        )
    say("loading it into Docker")
    changes = ('ENTRYPOINT ["/usr/bin/dumb-init", "--", "/entrypoint"]', "WORKDIR /opt/airflow",
               "ENV AIRFLOW_HOME=/opt/airflow LANG=C.UTF-8")  # fmt: skip
    options = [word for change in changes for word in ("--change", change)]
    docker("import", *options, str(archive), reference, timeout=TIME_LIMIT)
    archive.unlink()  # Docker has it now, and it is as large as all the rest


def _is_there(reference: str) -> bool:
    return bool(docker("image", "ls", "--quiet", reference).strip())
