"""Composes container images from files: the same content always gives the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from windlass.mirror.debian import Entry
from windlass.mirror.oci_layout import INDEX, image_index

_EPOCH = "1970-01-01T00:00:00Z"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
# Not compressed: the bytes would depend on the machine's zlib, and a layer comes from a mirror that is near.
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class ImageSettings:
    """What an image says of itself, besides its files."""

    architecture: str
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def write_tar(entries: Mapping[str, Entry | None], target: Path) -> str:
    """Write the entries (None: a directory) and their parents as a tar archive; return its digest."""
    with target.open("wb") as stream, tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted({*entries, *_parents(entries)}):
            member, content = _member(name, entries.get(name))
            archive.addfile(member, io.BytesIO(content))
    return file_digest(target)


def write_layout(layers: Sequence[Path], settings: ImageSettings, into: Path) -> Path:
    """Make an OCI image layout of the layer archives below `into`; return its directory.

    https://github.com/opencontainers/image-spec/blob/main/image-layout.md
    """
    layout, blobs = _new_layout(into)
    return _finish(layout, _write_image(layers, settings, blobs))


def write_index_layout(images: Iterable[tuple[Sequence[Path], ImageSettings]], into: Path) -> Path:
    """Make an OCI image layout of one image for several architectures, with what each of them consists of."""
    layout, blobs = _new_layout(into)
    manifests = {settings.architecture: _write_image(layers, settings, blobs) for layers, settings in images}
    return _finish(layout, _write_blob(image_index(manifests), blobs, INDEX))


def _new_layout(into: Path) -> tuple[Path, Path]:
    """Make the directory of a layout and that of its blobs."""
    layout = into / "layout"
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    return layout, blobs


def _write_image(layers: Sequence[Path], settings: ImageSettings, blobs: Path) -> dict[str, Any]:
    """Write an image's blobs; return the descriptor of its manifest."""
    described = [_link_blob(layer, blobs) for layer in layers]
    config = _write_json(_config(settings, [layer["digest"] for layer in described]), blobs, _CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": described}
    return _write_json(manifest, blobs, _MANIFEST)


def _finish(layout: Path, descriptor: Mapping[str, Any]) -> Path:
    index = {"schemaVersion": 2, "manifests": [descriptor]}
    (layout / "index.json").write_bytes(_canonical(index))
    (layout / "oci-layout").write_bytes(_canonical({"imageLayoutVersion": "1.0.0"}))
    return layout


def file_digest(path: Path) -> str:
    """Return `sha256:` and the hex digest of the file's bytes."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _config(settings: ImageSettings, layers: Sequence[str]) -> dict[str, Any]:
    run = {"Env": [f"PATH={_PATH}"], "Entrypoint": list(settings.entrypoint), "Cmd": list(settings.command)}
    if settings.user:
        run["User"] = settings.user  # type: ignore[assignment]  # the other values are lists
    if settings.labels:
        run["Labels"] = dict(settings.labels)  # type: ignore[assignment]  # the other values are lists
    return {
        "created": _EPOCH,
        "architecture": settings.architecture,
        "os": "linux",
        "config": {key: value for key, value in run.items() if value},
        "rootfs": {"type": "layers", "diff_ids": list(layers)},
        "history": [{"created": _EPOCH, "created_by": "windlass mirror"} for _ in layers],
    }


def _link_blob(path: Path, blobs: Path) -> dict[str, Any]:
    digest = file_digest(path)
    blob = blobs / digest.removeprefix("sha256:")
    if not blob.exists():
        blob.hardlink_to(path)
    return {"mediaType": _LAYER, "digest": digest, "size": path.stat().st_size}


def _write_json(document: Mapping[str, Any], blobs: Path, media_type: str) -> dict[str, Any]:
    return _write_blob(_canonical(document), blobs, media_type)


def _write_blob(content: bytes, blobs: Path, media_type: str) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _parents(names: Iterable[str]) -> set[str]:
    return {str(parent) for name in names for parent in PurePosixPath(name).parents if str(parent) != "."}


def _member(name: str, entry: Entry | None) -> tuple[tarfile.TarInfo, bytes]:
    """Describe one entry, owned by root and without a time; None stands for a directory."""
    member = tarfile.TarInfo(name)
    if entry is None:
        member.type, member.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
        return member, b""
    member.mode = entry.mode
    if entry.link is not None:
        member.type, member.linkname = tarfile.SYMTYPE, entry.link
        return member, b""
    member.size = len(entry.content)
    return member, entry.content
