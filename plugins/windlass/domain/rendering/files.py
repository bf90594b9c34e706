"""Files as they should be on a host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from windlass.domain.host.file_drift import ROOT

FOR_ROOT = 0o600
"""Mode of a file that nobody but root reads."""


@dataclass(frozen=True)
class RenderedFile:
    """Content, mode and owner of one file."""

    content: bytes
    mode: int = 0o644
    owner: str = ROOT

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()


HostFiles = Mapping[str, RenderedFile]
"""What belongs on a host, by absolute path. It holds no secret: keys, kubeconfigs and encryption.yaml are the PKI's."""
