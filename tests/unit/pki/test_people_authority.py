"""The authority that signs people's certificates alone: when there is one, and who takes what it signs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography import x509

from unit.pki.conftest import NOW
from windlass.domain.pki import Pki, Signer, files_for, issue_pki
from windlass.domain.spec import Cluster

CLIENT_CA = "/etc/windlass/pki/client-ca.crt"
SEEN = "/etc/windlass/pki/kube-apiserver/client-ca.crt"
Build = Callable[..., Cluster]
GROUPS: dict[str, Any] = {"access": {"groups": {"Viewer": ["windlass:view"]}}}


def test_there_is_none_unless_the_spec_lets_people_in(pki: Pki, cluster: Cluster) -> None:
    assert Signer.PEOPLE not in pki.authorities
    assert all(CLIENT_CA not in files_for(cluster, host, pki) for host in cluster.spec.hosts.members)


def test_a_running_cluster_gets_one_and_keeps_all_else(pki: Pki, build_cluster: Build) -> None:
    grown = issue_pki(build_cluster(**GROUPS), NOW, pki)
    assert replace(grown, authorities=pki.authorities) == pki
    assert set(grown.authorities) == {*pki.authorities, Signer.PEOPLE}
    assert issue_pki(build_cluster(**GROUPS), NOW, grown) == grown
    assert Pki.from_bytes(grown.to_bytes()) == grown


def test_it_goes_with_the_last_group_and_comes_back_as_another(pki: Pki, build_cluster: Build) -> None:
    first = issue_pki(build_cluster(**GROUPS), NOW, pki)
    assert issue_pki(build_cluster(), NOW, first) == pki
    assert issue_pki(build_cluster(**GROUPS), NOW, pki).authorities[Signer.PEOPLE] != first.authorities[Signer.PEOPLE]


def test_api_servers_alone_take_what_it_signs(pki: Pki, build_cluster: Build) -> None:
    cluster = build_cluster(**GROUPS)
    grown = issue_pki(cluster, NOW, pki)
    people = grown.authorities[Signer.PEOPLE].certificate
    for host in cluster.spec.hosts.members:
        holding = {path for path, file in files_for(cluster, host, grown).items() if people.encode() in file.content}
        assert holding == ({CLIENT_CA, SEEN} if "control-plane" in host.roles else set())
    bundle = files_for(cluster, cluster.spec.hosts.members[0], grown)[CLIENT_CA].content
    names = [one.subject.rfc4514_string() for one in x509.load_pem_x509_certificates(bundle)]
    assert names == ["CN=demo-kubernetes-ca", "CN=demo-people-ca"]


def test_its_key_is_on_no_host(pki: Pki, build_cluster: Build) -> None:
    cluster = build_cluster(**GROUPS)
    grown = issue_pki(cluster, NOW, pki)
    key = grown.authorities[Signer.PEOPLE].key.reveal_bytes()
    files = [file for host in cluster.spec.hosts.members for file in files_for(cluster, host, grown).values()]
    assert not [file for file in files if key in file.content]
