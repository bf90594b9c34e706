"""Bundles in a bucket with S3 Object Lock, on a real S3 server: nobody deletes them before their time."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from windlass.domain.spec.care import ObjectLock
from windlass.effects.store import S3Store, StoreConfig
from windlass.effects.store.s3 import PART_BYTES, make_client
from windlass.errors import RefusedError

LOCK = ObjectLock(mode="compliance", days=1)


@pytest.fixture
def locked(s3_config: StoreConfig) -> Iterator[S3Store]:
    config = replace(s3_config, bucket=f"locked-{uuid.uuid4().hex[:8]}", lock=LOCK)
    client = make_client(config)
    client.create_bucket(Bucket=config.bucket, ObjectLockEnabledForBucket=True)
    client.close()
    store = S3Store(config)
    yield store
    store.close()


def test_what_is_created_lies_there_until_its_time_whatever_its_size(locked: S3Store) -> None:
    locked.create("manifest.json", b"data")
    locked.create_from("snapshot.sealed", io.BytesIO(b"x" * (PART_BYTES + 1)))
    client, bucket = locked._client, locked._config.bucket
    for key in ("manifest.json", "snapshot.sealed"):
        told = client.head_object(Bucket=bucket, Key=key)
        assert told["ObjectLockMode"] == "COMPLIANCE"
        assert abs(told["ObjectLockRetainUntilDate"] - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=5)
        with pytest.raises(RefusedError, match=r"(?i)lock"):
            locked.delete(key)
        assert locked.get(key)
