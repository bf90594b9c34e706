"""Files as they should be on a host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RenderedFile:
    """Content and mode of one file; its owner is root."""

    content: bytes
    mode: int = 0o644

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()


HostFiles = Mapping[str, RenderedFile]
"""What belongs on a host, by absolute path. It holds no secret: keys, kubeconfigs and encryption.yaml are the PKI's."""
