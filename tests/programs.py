"""Real programs for tests, out of the mirror on this machine."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

from windlass.domain.artifacts import Artifact
from windlass.mirror.cache import artifact_path, read_lock, source_cache
from windlass.mirror.places import own_architecture


def program(name: str, version: str) -> Path:
    """Return the program `name`; the setting WINDLASS_TEST_NAME names another."""
    configured = os.environ.get(f"WINDLASS_TEST_{name.upper()}")
    return Path(configured) if configured else artifact_path(Artifact("file", name, version).on(own_architecture()))


def program_of_image(image: str, version: str, name: str, directory: Path) -> Path:
    """Return the program at /usr/local/bin of an image, unpacked to `directory`."""
    digest = read_lock().artifacts[Artifact("image", image, version)].digest_on(own_architecture())
    manifest = json.loads(source_cache().blob(digest or "").read_text())
    for layer in manifest["layers"]:
        with tarfile.open(source_cache().blob(layer["digest"])) as archive:
            for member in archive:
                if member.name.lstrip("./") == f"usr/local/bin/{name}":
                    member.name = name
                    archive.extract(member, directory, filter="data")
                    return directory / name
    raise FileNotFoundError(f"the image {image}:{version} holds no /usr/local/bin/{name}")
