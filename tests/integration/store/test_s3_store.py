"""The store on a real S3 server; the race cases are what leases rest on."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from contracts.store import StoreContract
from windlass.domain.secret import Secret
from windlass.effects.store import S3Store, StoreConfig
from windlass.errors import RefusedError, UnreachableError


class TestS3Store(StoreContract):
    rounds = 25

    @pytest.fixture
    def store(self, s3_config: StoreConfig) -> Iterator[S3Store]:
        store = S3Store(replace(s3_config, prefix=f"tests/{uuid.uuid4()}"))
        yield store
        store.close()


@pytest.fixture
def prefixed(s3_config: StoreConfig) -> Iterator[tuple[S3Store, S3Store]]:
    """A store below a prefix, and the whole bucket."""
    stores = S3Store(replace(s3_config, prefix="/team/windlass/")), S3Store(s3_config)
    yield stores
    for store in stores:
        store.close()


def test_keys_are_below_the_prefix_and_shown_without_it(prefixed: tuple[S3Store, S3Store]) -> None:
    below, whole = prefixed
    below.put("clusters/demo/spec.yaml", b"x")
    assert [item.key for item in below.list("clusters/")] == ["clusters/demo/spec.yaml"]
    assert [item.key for item in whole.list("team/")] == ["team/windlass/clusters/demo/spec.yaml"]


def refused(config: StoreConfig, reason: str) -> None:
    store = S3Store(config)
    with pytest.raises(RefusedError, match=reason) as caught:
        store.put("a/key", b"data")
    store.close()
    assert f"store {config.bucket} at http://127.0.0.1" in str(caught.value)
    assert "windlass_store" in str(caught.value)


def test_a_missing_bucket_is_named(s3_config: StoreConfig) -> None:
    refused(replace(s3_config, bucket="not-there"), "no such bucket")


def test_wrong_credentials_are_refused_and_not_shown(s3_config: StoreConfig) -> None:
    refused(replace(s3_config, secret_key=Secret("wrong")), "SignatureDoesNotMatch")
    assert "test-secret" not in repr(s3_config)


def test_a_server_that_is_down_is_unreachable(s3_config: StoreConfig) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        store = S3Store(replace(s3_config, endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}"))
        with pytest.raises(UnreachableError, match="reading a/key: Could not connect"):
            store.get("a/key")
        store.close()
