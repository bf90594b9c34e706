"""An image on disk as an OCI image layout: blobs by digest, and an index that names one manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The directory of one image."""

    path: Path

    def blob(self, digest: str) -> Path:
        """Return where the blob `digest` (`sha256:…`) is or belongs."""
        algorithm, _, encoded = digest.partition(":")
        return self.path / "blobs" / algorithm / encoded

    def finish(self, manifest: bytes, digest: str, media_type: str, reference: str) -> None:
        """Write the manifest and, last, the index that names it; until then the layout has no image."""
        target = self.blob(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(manifest)
        descriptor = {
            "mediaType": media_type,
            "digest": digest,
            "size": len(manifest),
            "annotations": {"org.opencontainers.image.ref.name": reference},
        }
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [descriptor],
        }
        (self.path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="ascii")
        (self.path / "index.json").write_text(json.dumps(index, sort_keys=True), encoding="utf-8")
