"""What is created in a bucket with a lock is written as S3 Object Lock wants it; without one nothing is added."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from windlass.domain.secret import Secret
from windlass.domain.spec.care import ObjectLock
from windlass.effects.store import S3Store, StoreConfig
from windlass.effects.store.s3 import PART_BYTES


class Sent:
    """Hears what is asked of the bucket, after boto3 has checked its form, in place of the server."""

    def __init__(self, store: S3Store) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        store._client.meta.events.register("before-parameter-build.s3", self._hear)
        store._client.meta.events.register("before-call.s3", self._answer)

    def _hear(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.asked.append((model.name, dict(params)))

    def _answer(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        code = 404 if model.name == "HeadObject" else 200
        error = {"Error": {"Code": "404"}} if code == 404 else {}
        return Answer(code), {"ETag": '"e"', "UploadId": "u", "ResponseMetadata": {"HTTPStatusCode": code}, **error}

    def args(self, operation: str) -> dict[str, Any]:
        return next(params for name, params in self.asked if name == operation)


class Answer:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def store(lock: ObjectLock | None) -> tuple[S3Store, Sent]:
    config = StoreConfig("b", endpoint_url="http://127.0.0.1:9", access_key="a", secret_key=Secret("s"), lock=lock)
    made = S3Store(config)
    return made, Sent(made)


LOCK = ObjectLock(mode="compliance", days=30)


def is_in_30_days(moment: datetime) -> bool:
    return abs(moment - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)


def test_what_is_created_is_locked_and_carries_its_sum() -> None:
    made, sent = store(LOCK)
    made.create("manifest.json", b"data")
    asked = sent.args("PutObject")
    assert asked["ObjectLockMode"] == "COMPLIANCE"
    assert is_in_30_days(asked["ObjectLockRetainUntilDate"])
    assert asked["ContentMD5"] == "jXd/OF09/siBXSD3SWAm3A==", "the MD5 sum of `data`"


def test_a_large_part_of_a_bundle_is_locked_as_a_whole_and_each_piece_carries_its_sum() -> None:
    made, sent = store(LOCK)
    made.create_from("snapshot.sealed", io.BytesIO(b"x" * (PART_BYTES + 1)))
    assert is_in_30_days(sent.args("CreateMultipartUpload")["ObjectLockRetainUntilDate"])
    pieces = [params["ContentMD5"] for name, params in sent.asked if name == "UploadPart"]
    assert len(set(pieces)) == 2


@pytest.mark.parametrize("lock", [None, LOCK])
def test_what_may_be_replaced_is_never_locked(lock: ObjectLock | None) -> None:
    made, sent = store(lock)
    made.put("lease.json", b"data")
    if lock is None:
        made.create("manifest.json", b"data")
    assert not any(name.startswith("ObjectLock") for _, params in sent.asked for name in params)
