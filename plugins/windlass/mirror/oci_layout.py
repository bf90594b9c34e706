"""An image on disk as an OCI image layout: blobs by digest, and an index that names one manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.domain.architectures import AMD64, in_order
from windlass.domain.bounded import read_from

INDEX = "application/vnd.oci.image.index.v1+json"
INDEXES = (INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")


@dataclass(frozen=True)
class Layout:
    """The directory of one image."""

    path: Path

    def blob(self, digest: str) -> Path:
        """Return where the blob `digest` (`sha256:…`) is or belongs."""
        algorithm, _, encoded = digest.partition(":")
        return self.path / "blobs" / algorithm / encoded

    def write(self, content: bytes, digest: str) -> None:
        """Write a blob that is small."""
        target = self.blob(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def finish(self, manifest: bytes, digest: str, media_type: str, reference: str) -> None:
        """Write the manifest and, last, the index that names it; until then the layout has no image."""
        self.write(manifest, digest)
        descriptor = {
            "mediaType": media_type,
            "digest": digest,
            "size": len(manifest),
            "annotations": {"org.opencontainers.image.ref.name": reference},
        }
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [descriptor],
        }
        (self.path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="ascii")
        (self.path / "index.json").write_text(json.dumps(index, sort_keys=True), encoding="utf-8")


def image_index(manifests: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Write the index of an image: the descriptor of its manifest by architecture; the same ones give the same bytes.

    https://github.com/opencontainers/image-spec/blob/main/image-index.md
    """
    entries = [
        {
            **{key: manifests[one][key] for key in ("mediaType", "digest", "size")},
            "platform": {"architecture": one, "os": "linux"},
        }
        for one in in_order(manifests)
    ]
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def manifests_by_architecture(layout: Path) -> dict[str, str]:
    """Return the digest of each architecture's manifest, as a lock has them: of an image for amd64 alone, none."""
    held = Layout(layout)
    with read_from(f"the image in {layout}", "run `windlass mirror` again"):
        root = json.loads((layout / "index.json").read_bytes())["manifests"][0]
        document = json.loads(held.blob(root["digest"]).read_bytes())
        if root["mediaType"] in INDEXES:
            return {one["platform"]["architecture"]: one["digest"] for one in document["manifests"]}
        configuration = json.loads(held.blob(document["config"]["digest"]).read_bytes())
        architecture = configuration["architecture"]
    return {} if architecture == AMD64 else {architecture: root["digest"]}
