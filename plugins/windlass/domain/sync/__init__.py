"""Specs that are kept in files, such as those of a repository: what is in them, and what is to be done about it."""

from windlass.domain.sync.files import SpecFile, read_files
from windlass.domain.sync.plan import Followed, Standing, standing_of

__all__ = ["Followed", "SpecFile", "Standing", "read_files", "standing_of"]
