"""Recovery bundles in a store: written part by part, committed by their manifest, read with every byte checked."""

from windlass.effects.bundles.spool import Spool
from windlass.effects.bundles.vault import Inventory, Vault

__all__ = ["Inventory", "Spool", "Vault"]
