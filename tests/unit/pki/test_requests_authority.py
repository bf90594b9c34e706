"""The authority of requests: when there is one, who takes what it signs, and who has its key."""

from __future__ import annotations

from collections.abc import Callable

from unit.pki.conftest import NOW
from windlass.domain.pki import SIGNING_FILES, Pki, Signer, files_for, issue_pki
from windlass.domain.spec import Cluster

Build = Callable[..., Cluster]
CLIENT_CAS = {"/etc/windlass/pki/client-ca.crt", "/etc/windlass/pki/kube-apiserver/client-ca.crt"}
SIGNS = {"security": {"signRequests": True}}


def test_there_is_none_unless_the_spec_has_requests_signed(pki: Pki, cluster: Cluster) -> None:
    assert Signer.REQUESTS not in pki.authorities
    assert all(not set(SIGNING_FILES) & set(files_for(cluster, host, pki)) for host in cluster.spec.hosts.members)


def test_it_goes_with_the_choice_and_comes_back_as_another(pki: Pki, build_cluster: Build) -> None:
    first = issue_pki(build_cluster(**SIGNS), NOW, pki)
    assert Pki.from_bytes(first.to_bytes()) == first
    assert issue_pki(build_cluster(), NOW, first) == pki
    again = issue_pki(build_cluster(**SIGNS), NOW, pki)
    assert again.authorities[Signer.REQUESTS] != first.authorities[Signer.REQUESTS]


def test_api_servers_alone_take_what_it_signs_and_the_controller_manager_alone_has_its_key(
    pki: Pki, build_cluster: Build
) -> None:
    cluster = build_cluster(**SIGNS)
    grown = issue_pki(cluster, NOW, pki)
    authority = grown.authorities[Signer.REQUESTS]
    certificate, key = SIGNING_FILES
    for host in cluster.spec.hosts.members:
        files = files_for(cluster, host, grown)
        is_control = "control-plane" in host.roles
        taken = {path for path, file in files.items() if authority.certificate.encode() in file.content}
        assert taken == ({*CLIENT_CAS, certificate} if is_control else set())
        having = {path: file.mode for path, file in files.items() if authority.key.reveal_bytes() in file.content}
        assert having == ({key: 0o600} if is_control else {})


def test_people_are_let_in_beside_it(pki: Pki, build_cluster: Build) -> None:
    cluster = build_cluster(**SIGNS, access={"groups": {"Viewer": ["windlass:view"]}})
    grown = issue_pki(cluster, NOW, pki)
    bundle = files_for(cluster, cluster.spec.hosts.members[0], grown)["/etc/windlass/pki/client-ca.crt"].content
    signers = (Signer.KUBERNETES, Signer.PEOPLE, Signer.REQUESTS)
    assert bundle == "".join(grown.authorities[one].certificate for one in signers).encode()
