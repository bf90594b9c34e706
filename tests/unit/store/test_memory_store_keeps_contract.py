from __future__ import annotations

import pytest

from contracts.store import StoreContract
from windlass.effects.store import MemoryStore, Store


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()
