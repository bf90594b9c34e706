from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from windlass.domain.pki import Pki, Signer, issue_pki, new_authority
from windlass.domain.pki.user_ca import references, refuse_other_authorities
from windlass.domain.spec import Cluster
from windlass.errors import RefusedError


def with_ca(cluster: Cluster, **ca: str) -> Cluster:
    document: dict[str, Any] = cluster.model_dump(by_alias=True)
    document["spec"]["pki"] = {"ca": ca}
    return Cluster.model_validate(document)


def test_only_the_authorities_that_are_named_are_given(cluster: Cluster) -> None:
    assert references(cluster) == {}
    found = references(with_ca(cluster, etcd="etcd_ca", frontProxy="proxy_ca"))
    assert found == {Signer.ETCD: "etcd_ca", Signer.FRONT_PROXY: "proxy_ca"}


def test_a_running_cluster_keeps_its_authorities(cluster: Cluster, pki: Pki, now: datetime) -> None:
    own = new_authority("the user's", now)
    refuse_other_authorities({Signer.ETCD: own}, None)
    refuse_other_authorities({}, pki)
    with pytest.raises(RefusedError, match=r"the given etcd authority .*rotate_certificates"):
        refuse_other_authorities({Signer.ETCD: own}, pki)

    refuse_other_authorities({Signer.ETCD: own}, issue_pki(cluster, now, given={Signer.ETCD: own}))
