"""What the PKI looks like on hosts, in kubeconfigs, sealed, and in a handshake."""

from __future__ import annotations

import base64
import copy
import pickle
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from windlass.domain.host.file_drift import ToBeIssued
from windlass.domain.host.layout import API_SERVER_PKI
from windlass.domain.pki import (
    SUPERSEDED,
    Credential,
    Pki,
    Signer,
    check_certificate,
    desired_certificates,
    encryption_configuration,
    files_for,
    group_bindings,
    issue_pki,
    secrets,
    short_lived_admin,
    user_kubeconfig,
)
from windlass.domain.rollout.transition import planes_of
from windlass.domain.scripts.leave import LAST_KEYS
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster
from windlass.errors import IntegrityError

PKI = "/etc/windlass/pki"
NODE = {f"{PKI}/ca.crt", f"{PKI}/kubelet.crt", f"{PKI}/kubelet.key", "/etc/windlass/kubeconfigs/kubelet.conf"}
NODE |= {f"{PKI}/kubelet-client.crt", f"{PKI}/kubelet-client.key", f"{PKI}/api-proxy/ca.crt"}


def paths(cluster: Cluster, pki: Pki, name: str) -> set[str]:
    (host,) = (host for host in cluster.spec.hosts.members if host.name == name)
    return set(files_for(cluster, host, pki))


def test_a_worker_gets_only_what_a_kubelet_needs(cluster: Cluster, pki: Pki) -> None:
    assert paths(cluster, pki, "w-1") == NODE


def test_a_pure_etcd_host_knows_of_kubernetes_only_whom_its_proxy_may_trust(cluster: Cluster, pki: Pki) -> None:
    leaves = {f"{PKI}/etcd/{leaf}.{kind}" for leaf in ("server", "peer", "health") for kind in ("crt", "key")}
    trusted = {f"{PKI}/ca.crt", f"{PKI}/api-proxy/ca.crt", f"{PKI}/etcd/ca.crt"}
    assert paths(cluster, pki, "etcd-3") == {*trusted, *leaves}


def test_the_key_that_goes_last_when_a_plane_is_given_up_is_on_hosts_of_that_plane_alone(
    cluster: Cluster, pki: Pki
) -> None:
    for host in cluster.spec.hosts.members:
        there = paths(cluster, pki, host.name)
        assert {plane for plane, key in LAST_KEYS.items() if key in there} == planes_of(host)


def test_a_control_plane_host_gets_all_that_its_components_read(cluster: Cluster, pki: Pki) -> None:
    purposes = ["apiserver", "apiserver-kubelet-client", "front-proxy-client", "observer", "etcd/apiserver-client"]
    purposes += [f"{one}/{role}" for one in ("controller-manager", "scheduler") for role in ("server", "client")]
    expected = {f"{PKI}/{purpose}.{kind}" for purpose in purposes for kind in ("crt", "key")}
    expected |= {f"{PKI}/service-account.{kind}" for kind in ("key", "pub")}
    expected |= {f"{PKI}/front-proxy-ca.crt", f"{PKI}/etcd/ca.crt", "/etc/windlass/encryption.yaml"}
    expected |= {f"/etc/windlass/kubeconfigs/{name}.conf" for name in ("controller-manager", "scheduler")}
    assert paths(cluster, pki, "cp-1") >= expected | NODE


def test_controllers_see_no_more_of_the_pki_than_they_read(cluster: Cluster, pki: Pki) -> None:
    trusted = {"ca.crt", "front-proxy-ca.crt"}
    own = {f"{role}.{kind}" for role in ("server", "client") for kind in ("crt", "key")}
    there = paths(cluster, pki, "cp-1")
    for directory, further in (("scheduler", set()), ("controller-manager", {"service-account.key"})):
        seen = {path.removeprefix(f"{PKI}/{directory}/") for path in there if path.startswith(f"{PKI}/{directory}/")}
        assert seen == trusted | own | further
    assert not there & set(SUPERSEDED)


def test_an_api_server_sees_copies_of_what_it_reads_and_no_other_key(cluster: Cluster, pki: Pki) -> None:
    host = cluster.spec.hosts.members[0]
    files = files_for(cluster, host, pki)
    seen = {path.removeprefix(f"{API_SERVER_PKI}/"): path for path in files if path.startswith(f"{API_SERVER_PKI}/")}
    assert {name for name in seen if not name.endswith(".crt")} == {
        *("apiserver.key", "apiserver-kubelet-client.key", "front-proxy-client.key", "etcd/apiserver-client.key"),
        *("service-account.key", "service-account.pub", "encryption.yaml"),
    }
    for name, path in seen.items():
        original = "/etc/windlass/encryption.yaml" if name == "encryption.yaml" else f"{PKI}/{name}"
        assert files[path] == files[original]


def test_a_copy_is_renewed_with_what_it_is_a_copy_of(cluster: Cluster, pki: Pki, now: datetime) -> None:
    host = cluster.spec.hosts.members[0]
    renewed = replace(pki, leaves={**pki.leaves, "cp-1/apiserver": issue_pki(cluster, now).leaves["cp-1/apiserver"]})
    desired = desired_certificates(cluster, host, pki, renewed)
    for kind in ("crt", "key"):
        assert desired[f"{API_SERVER_PKI}/apiserver.{kind}"] == desired[f"{PKI}/apiserver.{kind}"]
        assert isinstance(desired[f"{PKI}/apiserver.{kind}"].content, ToBeIssued)


def test_no_authority_key_and_no_master_ever_lies_on_a_host(cluster: Cluster, pki: Pki) -> None:
    laid = b"".join(
        file.content for host in cluster.spec.hosts.members for file in files_for(cluster, host, pki).values()
    )
    for credential in (*pki.authorities.values(), pki.leaves["super-admin"]):
        assert credential.key.reveal_bytes() not in laid


def test_what_holds_a_key_is_for_root_alone_and_hides_from_repr(cluster: Cluster, pki: Pki) -> None:
    hidden = secrets(pki)
    assert len(hidden) > 4 * len(pki.leaves)
    for host in cluster.spec.hosts.members:
        for path, file in files_for(cluster, host, pki).items():
            if any(secret in file.content.decode() for secret in hidden):
                assert file.mode == 0o600, path
            assert not any(secret in repr(file) for secret in hidden)


def test_kubeconfigs_on_hosts_go_through_the_hosts_own_proxy(cluster: Cluster, pki: Pki) -> None:
    host = cluster.spec.hosts.members[0]
    files = files_for(cluster, host, pki)
    for name in ("controller-manager", "scheduler", "kubelet"):
        config = yaml.safe_load(files[f"/etc/windlass/kubeconfigs/{name}.conf"].content)
        assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:7443"
        assert config["clusters"][0]["cluster"]["tls-server-name"] == "kubernetes"
        user = config["users"][0]["user"]
        assert set(files) >= {config["clusters"][0]["cluster"]["certificate-authority"], *user.values()}


def test_rendering_twice_gives_the_same_bytes(cluster: Cluster, pki: Pki) -> None:
    host = cluster.spec.hosts.members[0]
    assert files_for(cluster, host, pki) == files_for(cluster, host, Pki.from_bytes(pki.to_bytes()))


def test_a_persons_kubeconfig_prefers_the_first_api_server(cluster: Cluster, pki: Pki, now: datetime) -> None:
    leaf = short_lived_admin(pki, "ada", now, timedelta(hours=1))
    config = yaml.safe_load(user_kubeconfig(cluster, pki, "ada", leaf).reveal())
    assert config["current-context"] == "demo"
    assert {item["cluster"]["tls-server-name"] for item in config["clusters"]} == {"kubernetes"}
    servers = {item["name"]: item["cluster"]["server"] for item in config["clusters"]}
    assert servers == {"demo": "https://192.0.2.11:6443", "demo-cp-2": "https://192.0.2.12:6443"}
    assert base64.b64decode(config["users"][0]["user"]["client-key-data"]).decode() == leaf.key.reveal()


@pytest.mark.parametrize(
    ("endpoint", "server"),
    [
        ("kube.example.org", "https://kube.example.org:6443"),
        ("kube.example.org:443", "https://kube.example.org:443"),
        ("https://kube.example.org:8443", "https://kube.example.org:8443"),
    ],
)
def test_an_endpoint_is_the_only_context(
    pki: Pki, now: datetime, endpoint: str, server: str, build_cluster: Callable[..., Cluster]
) -> None:
    leaf = short_lived_admin(pki, "ada", now, timedelta(hours=1))
    cluster = build_cluster(api={"endpoint": endpoint})
    config = yaml.safe_load(user_kubeconfig(cluster, pki, "ada", leaf).reveal())
    assert [item["cluster"]["server"] for item in config["clusters"]] == [server]


def test_secrets_at_rest_are_written_by_secretbox_and_clear_text_is_still_read(pki: Pki) -> None:
    (resource,) = yaml.safe_load(encryption_configuration(pki.encryption_keys, encrypt=True).reveal())["resources"]
    assert [next(iter(provider)) for provider in resource["providers"]] == ["secretbox", "identity"]
    (key,) = resource["providers"][0]["secretbox"]["keys"]
    assert len(base64.b64decode(key["secret"])) == 32


def test_turning_encryption_off_keeps_old_secrets_readable(pki: Pki) -> None:
    (resource,) = yaml.safe_load(encryption_configuration(pki.encryption_keys, encrypt=False).reveal())["resources"]
    assert [next(iter(provider)) for provider in resource["providers"]] == ["identity", "secretbox"]


def test_the_groups_in_certificates_are_bound() -> None:
    bindings = list(yaml.safe_load_all(group_bindings()))
    bound = {item["subjects"][0]["name"]: item["roleRef"]["name"] for item in bindings if "subjects" in item}
    assert bound == {
        "windlass:observers": "windlass:observers",
        "windlass:admins": "cluster-admin",
        "windlass:kubelet-api": "system:kubelet-api-admin",
        "windlass:cluster-admin": "cluster-admin",
        "windlass:admin": "admin",
        "windlass:edit": "edit",
        "windlass:view": "view",
    }


def test_the_pki_survives_being_stored(pki: Pki) -> None:
    assert Pki.from_bytes(pki.to_bytes()) == pki


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"format": 99}', b'{"format": 1, "authorities": []}', b"\xff"])
def test_a_stored_pki_that_is_damaged_is_a_clear_error(damage: bytes) -> None:
    with pytest.raises(IntegrityError, match="not readable"):
        Pki.from_bytes(damage)


def test_an_unreadable_pki_is_not_quoted_by_the_error(pki: Pki) -> None:
    with pytest.raises(IntegrityError) as caught:
        Pki.from_bytes(pki.to_bytes()[:-10])
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_nothing_secret_shows_in_repr(pki: Pki) -> None:
    shown = repr(pki) + str(pki)
    assert not [secret for secret in secrets(pki) if secret in shown]


def test_a_secret_cannot_be_pickled_but_copied() -> None:
    secret = Secret("x")
    with pytest.raises(TypeError, match="seal it"):
        pickle.dumps(secret)
    assert copy.deepcopy(secret) is copy.copy(secret) is secret


def test_the_service_account_keys_are_a_pair(cluster: Cluster, pki: Pki) -> None:
    files = files_for(cluster, cluster.spec.hosts.members[0], pki)
    private = load_pem_private_key(files[f"{PKI}/service-account.key"].content, None)
    assert private.public_key() == load_pem_public_key(files[f"{PKI}/service-account.pub"].content)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> dict[str, Any]:
    """Return what the server learnt of the client in a TLS handshake through memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    client_side = client.wrap_bio(to_client, to_server, server_hostname=name)
    for side in [client_side, server_side] * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return dict(server_side.getpeercert() or {})


def context(purpose: int, credential: Credential, authority: Credential, directory: Path) -> ssl.SSLContext:
    file = directory / f"{purpose}.pem"
    file.write_text(credential.certificate + credential.key.reveal())
    made = ssl.SSLContext(purpose)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(file)
    made.load_verify_locations(cadata=authority.certificate)
    return made


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "192.0.2.11", "kubernetes.default.svc"])
def test_client_and_server_accept_each_other(cluster: Cluster, name: str, tmp_path: Path) -> None:
    pki = issue_pki(cluster, datetime.now().astimezone())
    authority = pki.authorities[Signer.KUBERNETES]
    server = context(ssl.PROTOCOL_TLS_SERVER, pki.leaves["cp-1/apiserver"], authority, tmp_path)
    client = context(ssl.PROTOCOL_TLS_CLIENT, pki.leaves["w-1/kubelet-client"], authority, tmp_path)
    learnt = handshake(server, client, name)
    assert (("commonName", "system:node:w-1"),) in learnt["subject"]


@pytest.mark.parametrize("leaf", ["w-1/kubelet", "cp-1/kubelet", "cp-1/scheduler", "cp-1/controller-manager"])
def test_no_other_server_of_a_host_passes_for_the_api_server(cluster: Cluster, leaf: str, tmp_path: Path) -> None:
    pki = issue_pki(cluster, datetime.now().astimezone())
    authority = pki.authorities[Signer.KUBERNETES]
    server = context(ssl.PROTOCOL_TLS_SERVER, pki.leaves[leaf], authority, tmp_path)
    client = context(ssl.PROTOCOL_TLS_CLIENT, pki.leaves["w-1/kubelet-client"], authority, tmp_path)
    for name in ("kubernetes", "127.0.0.1", "localhost"):
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(server, client, name)


def test_a_client_of_another_authority_is_turned_down(cluster: Cluster, tmp_path: Path) -> None:
    pki = issue_pki(cluster, datetime.now().astimezone())
    authority = pki.authorities[Signer.KUBERNETES]
    server = context(ssl.PROTOCOL_TLS_SERVER, pki.leaves["cp-1/apiserver"], authority, tmp_path)
    client = context(ssl.PROTOCOL_TLS_CLIENT, pki.leaves["etcd-client"], authority, tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client, "127.0.0.1")


def test_a_good_certificate_has_no_problem(pki: Pki, now: datetime) -> None:
    leaf, authority = pki.leaves["cp-1/apiserver"], pki.authorities[Signer.KUBERNETES]
    assert check_certificate(leaf.certificate, authority.certificate, ["127.0.0.1", "cp-1"], now) == ()


def test_every_problem_of_a_certificate_is_told(pki: Pki, now: datetime) -> None:
    leaf, authority = pki.leaves["cp-1/apiserver"], pki.authorities[Signer.ETCD]
    problems = check_certificate(leaf.certificate, authority.certificate, ["cp-2"], now + timedelta(days=91))
    assert [problem.split()[0] for problem in problems] == ["signed", "ended", "not"]
    assert "demo-etcd-ca" in problems[0]
    assert "not for cp-2, only for" in problems[2]


def test_a_certificate_from_the_future_points_at_the_clock(pki: Pki, now: datetime) -> None:
    leaf, authority = pki.leaves["cp-1/apiserver"], pki.authorities[Signer.KUBERNETES]
    (problem,) = check_certificate(leaf.certificate, authority.certificate, [], now - timedelta(hours=1))
    assert "clock" in problem


def test_what_is_no_certificate_is_told(pki: Pki, now: datetime) -> None:
    (problem,) = check_certificate("nonsense", pki.authorities[Signer.ETCD].certificate, [], now)
    assert "not a readable certificate" in problem
