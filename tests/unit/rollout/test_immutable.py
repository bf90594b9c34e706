from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.rollout.test_rollout_plan import OLD, OVERLAPPING, WORKERS, cluster
from windlass.domain.rollout import immutable
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.version import at_version
from windlass.effects.catalog import load_drivers
from windlass.errors import RefusedError

DRIVERS = load_drivers(Path(__file__).parents[3] / "include" / "templates" / "kubernetes")
ROLES = OVERLAPPING | {"w-1": ["worker"]}
BEFORE = cluster(ROLES)


def refuse_what_no_rollout_changes(before: Cluster, after: Cluster) -> None:
    immutable.refuse_what_no_rollout_changes(before, after, DRIVERS)


def with_host(host_name: str, **change: Any) -> Cluster:
    document = BEFORE.model_dump(mode="json", by_alias=True)
    next(host for host in document["spec"]["hosts"]["members"] if host["name"] == host_name).update(change)
    return Cluster.model_validate(document)


def with_network(change: Mapping[str, Any]) -> Cluster:
    return with_section("network", **change)


def with_section(name: str, **change: Any) -> Cluster:
    document = BEFORE.model_dump(mode="json", by_alias=True)
    document["spec"][name].update(change)
    return Cluster.model_validate(document)


def with_flags(base: Cluster, **flags: str | list[str]) -> Cluster:
    document = base.model_dump(mode="json", by_alias=True)
    arguments = {name.replace("_", "-"): value for name, value in flags.items()}
    document["spec"]["components"] = {"kube-apiserver": {"extraArgs": arguments}}
    return Cluster.model_validate(document)


OURS, OTHER, THIRD = "https://kubernetes.default.svc.cluster.local", "https://id.example.com", "https://id.example.org"


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (
            with_host("cp-3", address="192.0.2.99"),
            r"cp-3.address: 192.0.2.13 -> 192.0.2.99 \(.*: give the other machine",
        ),
        (
            with_host("w-1", name="w-9"),
            r"members.w-9 has the address of w-1, which leaves \(.*: apply without w-9 first",
        ),
        (
            with_network({"podCidr": "10.99.0.0/16"}),
            r"spec.network.podCidr: .*keep their addresses: make a new cluster",
        ),
        (with_network({"serviceCidr": "10.99.0.0/16"}), r"spec.network.serviceCidr: .*: make a new cluster"),
        (with_network({"podCidrs": ["10.99.0.0/16"]}), r"spec.network.podCidr: 10.244.0.0/16 -> 10.99.0.0/16 \("),
        (with_network({"nodeMaskIpv6": 72}), r"spec.network.nodeMaskIpv6: .*nodes keep their ranges"),
        (with_network({"clusterDomain": "example.org"}), r"spec.network.clusterDomain: .*keep the old one"),
        (with_network({"mtu": 1400}), r"spec.network.mtu: None -> 1400 \(.*keep the old one"),
        (
            with_host("cp-3", privateAddress="10.0.1.13"),
            r"cp-3.privateAddress: 192.0.2.13 -> 10.0.1.13 \(members of etcd.*: give the other machine",
        ),
        (
            with_network({"driver": "none"}),
            r"spec.network.driver: 'flannel' -> 'none' \(pods keep.*: make a new cluster",
        ),
        (
            with_network({"backend": "host-gw"}),
            r"spec.network.backend: 'vxlan' -> 'host-gw' \(nodes with one backend.*: make a new cluster",
        ),
        (with_network({"values": {"backend": "host-gw"}}), r"spec.network.values.backend: 'vxlan' -> 'host-gw' \("),
        (with_flags(BEFORE, etcd_prefix="/other"), r"etcd-prefix.*: /registry -> /other \(.*none of the objects"),
        (
            with_flags(BEFORE, service_account_issuer=OTHER),
            r"service-account-issuer.*give .* in a first apply, .* second",
        ),
        (with_flags(BEFORE, service_account_issuer=[OTHER, OURS]), r"are not changed yet refuse tokens of `https://id"),
        (at_version(cluster(OVERLAPPING), OLD), r"v1.37.2 -> v1.36.3 together with hosts or roles of w-1 \(.*first"),
        (at_version(with_host("cp-3", roles=["etcd"]), OLD), r"together with hosts or roles of cp-3 \("),
    ],
)
def test_what_cannot_be_changed_is_refused_with_reason_and_way_out(after: Cluster, told: str) -> None:
    with pytest.raises(RefusedError, match=f"demo: a rollout cannot change this: .*{told}"):
        refuse_what_no_rollout_changes(BEFORE, after)


def test_another_name_is_another_cluster() -> None:
    document = BEFORE.model_dump(mode="json", by_alias=True)
    document["metadata"]["name"] = "other"
    with pytest.raises(RefusedError, match=r"metadata.name: 'demo' -> 'other' \(.*: make a new cluster"):
        refuse_what_no_rollout_changes(BEFORE, Cluster.model_validate(document))


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        cluster(ROLES, maxUnavailable=2),
        cluster(OVERLAPPING),
        cluster(ROLES | {"w-2": WORKERS["w-2"]}),
        at_version(BEFORE, OLD),
        with_host("cp-3", roles=["control-plane"]),
        with_host("w-1", labels={"a": "b"}),
        with_network({"proxyMode": "nftables"}),
        with_network({"values": {"backend": "vxlan"}}),
        with_section("storage", driver="none"),
        with_section("monitoring", driver="metrics-server"),
        with_section("loadBalancer", driver="metallb", addresses=["192.0.2.128/28"]),
        with_flags(BEFORE, service_account_issuer=[OURS, OTHER]),
        with_flags(BEFORE, etcd_prefix="registry"),
    ],
)
def test_everything_else_may_roll(after: Cluster) -> None:
    refuse_what_no_rollout_changes(BEFORE, after)


ISSUERS = st.lists(st.sampled_from([OURS, OTHER, THIRD]), min_size=1, max_size=3, unique=True)


@given(before=ISSUERS, after=ISSUERS)
def test_no_token_is_refused_while_issuers_change(before: list[str], after: list[str]) -> None:
    """Some API servers have the old list and some the new one, and each signs as the first of its own."""
    old, new = (with_flags(BEFORE, service_account_issuer=issuers) for issuers in (before, after))
    signed, accepted = {before[0], after[0]}, set(before) & set(after)
    try:
        refuse_what_no_rollout_changes(old, new)
    except RefusedError:
        assert not signed <= accepted
    else:
        assert signed <= accepted


@given(before=ISSUERS, after=ISSUERS)
def test_the_way_out_of_another_issuer_leads_there(before: list[str], after: list[str]) -> None:
    old, new = before[0], after[0]
    steps = [before, [old, new], [new, old], [new]] if old != new else [before, [old]]
    for one, next_one in pairwise(steps):
        refuse_what_no_rollout_changes(
            with_flags(BEFORE, service_account_issuer=one), with_flags(BEFORE, service_account_issuer=next_one)
        )


def test_where_windlass_reaches_a_host_may_change() -> None:
    moved = with_host("cp-3", address="bastioned.example.com", privateAddress="192.0.2.13", ssh={"port": 2222})
    refuse_what_no_rollout_changes(BEFORE, moved)


def test_the_same_ranges_by_the_other_setting_are_no_change() -> None:
    network = BEFORE.spec.network
    refuse_what_no_rollout_changes(
        BEFORE, with_network({"podCidrs": [network.pod_cidr], "serviceCidrs": [network.service_cidr]})
    )


def at_provider(name: str) -> Cluster:
    document = BEFORE.model_dump(mode="json", by_alias=True)
    document["spec"]["hosts"]["provider"] = name
    return Cluster.model_validate(document)


@pytest.mark.parametrize("after", ["static", "libcloud"])
def test_machines_that_a_provider_has_made_stay_its_own(after: str) -> None:
    with pytest.raises(RefusedError, match=rf"spec.hosts.provider: ec2 -> {after} \(the machines are what the one has"):
        refuse_what_no_rollout_changes(at_provider("ec2"), at_provider(after))
    refuse_what_no_rollout_changes(at_provider("static"), at_provider("ec2"))  # which knows them, or is refused
