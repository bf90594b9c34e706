from __future__ import annotations

import pytest

from windlass.domain.backup import BundleState
from windlass.domain.pki import Pki, secrets
from windlass.errors import IntegrityError


def test_the_state_is_read_back(pki: Pki) -> None:
    stacks = {"cp-1": {"/etc/windlass/stacks/etcd/compose.yaml": b"name: windlass-etcd\n"}}
    state = BundleState(pki, "kind: Cluster\n", encrypts_secrets=True, images={"etcd": "sha256:1"}, stacks=stacks)
    read = BundleState.from_bytes(state.to_bytes())
    assert read == state
    assert "secretbox" in read.encryption_config.reveal()


def test_a_state_shows_no_secret(pki: Pki) -> None:
    state = BundleState(pki, "", encrypts_secrets=True, images={}, stacks={})
    assert not [secret for secret in secrets(pki) if secret in repr(state)]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format": 9}', b'{"format": 1, "pki": {}, "spec": "hunter2"}'])
def test_what_is_no_state_is_refused_without_quoting_it(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"use another bundle|control-plane") as caught:
        BundleState.from_bytes(data)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
