"""Compressed files and archives of others, read as streams and never beyond a bound that the reader sets."""

from windlass.effects.archives.expand import expanded
from windlass.effects.archives.tar import TarEntry, TarReader, open_tar

__all__ = ["TarEntry", "TarReader", "expanded", "open_tar"]
