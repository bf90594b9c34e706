from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from unit.cluster_run import FakeRun
from windlass.domain.lease import Owner
from windlass.domain.pki import Credential, Signer, issue_pki, new_authority
from windlass.domain.spec import Cluster, dump_cluster
from windlass.effects.store import AuthenticatedStore, ClusterRecords
from windlass.effects.store.keys import pki_key
from windlass.errors import RefusedError
from windlass.operations.apply.certificates import ensure_pki
from windlass.operations.apply.taken_addresses import taken_addresses

NOW = datetime.now(UTC)
ONE, OTHER = new_authority("one", NOW), new_authority("other", NOW)


def cluster(name: str = "demo", **ca: str) -> Cluster:
    members = [{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane", "worker"]}]
    spec: dict[str, Any] = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}, "pki": {"ca": ca}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": name}, "spec": spec}
    return Cluster.model_validate(document)


def run_with(**given: Credential) -> FakeRun:
    run = FakeRun(Owner("create_cluster", "one"), cluster(**dict.fromkeys(given, "the_ca")))
    run.user_authorities = authorities(given)
    return run


def authorities(given: Mapping[str, Credential]) -> dict[Signer, Credential]:
    names = {"kubernetes": Signer.KUBERNETES, "etcd": Signer.ETCD, "frontProxy": Signer.FRONT_PROXY}
    return {names[name]: authority for name, authority in given.items()}


def issue(run: FakeRun) -> None:
    ensure_pki(run, run.spec)


def other_cluster(run: FakeRun, spec: Cluster, authority: Credential | None) -> None:
    records = ClusterRecords(run.store, spec.name)
    records.save_spec(dump_cluster(spec))
    if authority is not None:
        records.save_pki(issue_pki(spec, NOW, given={Signer.ETCD: authority}), run.keys)


@pytest.mark.parametrize("pair", [("kubernetes", "etcd"), ("etcd", "frontProxy"), ("kubernetes", "frontProxy")])
def test_one_authority_is_not_for_two_purposes(pair: tuple[str, str]) -> None:
    with pytest.raises(RefusedError, match=r"authority share a key") as caught:
        issue(run_with(**dict.fromkeys(pair, ONE)))
    assert ONE.key.reveal() not in str(caught.value)


def test_nor_is_one_whose_chain_two_have_in_common() -> None:
    etcd = replace(OTHER, certificate=OTHER.certificate + ONE.certificate)
    with pytest.raises(RefusedError, match="share a key"):
        issue(run_with(kubernetes=ONE, etcd=etcd))


def test_one_authority_is_not_for_two_clusters_whatever_its_purpose_there() -> None:
    run = run_with(kubernetes=ONE)
    other_cluster(run, cluster("prod"), ONE)
    with pytest.raises(RefusedError, match="kubernetes authority is one that the cluster `prod` trusts"):
        issue(run)
    assert run.records.pki(run.keys) is None


def test_two_clusters_that_are_made_at_once_do_not_name_one_connection() -> None:
    run = run_with(kubernetes=ONE)
    other_cluster(run, cluster("prod", etcd="the_ca"), None)
    with pytest.raises(RefusedError, match="`prod`, which is not made yet, names the connection `the_ca` too"):
        issue(run)


def test_authorities_of_its_own_are_taken_beside_a_cluster_of_which_nothing_can_be_read() -> None:
    run = run_with(kubernetes=ONE, etcd=OTHER)
    other_cluster(run, cluster("prod"), new_authority("third", NOW))
    run.store.put("clusters/broken/spec.yaml", b"\xff")
    run.store.put(pki_key("broken"), b"no seal")
    issue(run)
    made = run.records.pki(run.keys)
    assert made is not None
    assert made.authorities[Signer.ETCD] == OTHER


def test_a_cluster_that_runs_with_a_shared_authority_since_before_goes_on() -> None:
    run = run_with(kubernetes=ONE, etcd=ONE)
    run.records.save_pki(issue_pki(run.spec, NOW, given=run.user_authorities), run.keys)
    issue(run)


def test_a_spec_that_somebody_else_wrote_holds_up_no_other_cluster() -> None:
    run = run_with(kubernetes=ONE)
    raw, store = run.store, AuthenticatedStore.by(run.store, run.keys)
    run.store = store  # type: ignore[assignment]  # for each test as real as it needs it
    run.records = ClusterRecords(store, run.name)
    other_cluster(run, cluster("prod"), None)
    raw.put("clusters/forged/spec.yaml", dump_cluster(cluster("forged")).encode())
    assert taken_addresses(run, run.spec) == {"192.0.2.11": "host cp-1 of the cluster `prod`"}
    issue(run)
