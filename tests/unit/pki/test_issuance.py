from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509

from windlass.domain.host.layout import API_SERVER_NAME
from windlass.domain.pki import (
    CertificateSubject,
    Credential,
    Pki,
    Signer,
    Usage,
    expiring,
    issue,
    issue_pki,
    new_authority,
    short_lived_admin,
    subjects,
)
from windlass.domain.pki.certificates import alternative_names
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster
from windlass.errors import RefusedError, SpecError

DAY = timedelta(days=1)


def changed(before: Pki, after: Pki) -> set[str]:
    return {name for name in after.leaves if before.leaves.get(name) != after.leaves[name]}


def test_seeding_again_changes_nothing(cluster: Cluster, pki: Pki, now: datetime) -> None:
    assert issue_pki(cluster, now + 59 * DAY, pki).to_bytes() == pki.to_bytes()


def test_leaves_are_renewed_when_a_third_of_their_life_is_left(cluster: Cluster, pki: Pki, now: datetime) -> None:
    after = issue_pki(cluster, now + 61 * DAY, pki)
    assert changed(pki, after) == set(pki.leaves)
    assert after.authorities == pki.authorities
    assert after.service_account_key == pki.service_account_key
    assert after.encryption_keys == pki.encryption_keys


def test_renews_even_after_everything_but_the_authorities_ended(cluster: Cluster, pki: Pki, now: datetime) -> None:
    later = now + 400 * DAY
    after = issue_pki(cluster, later, pki)
    assert expiring(after, later, 89 * DAY) == ()


def test_a_new_host_gets_certificates_and_the_others_keep_theirs(
    cluster: Cluster, pki: Pki, now: datetime, build_cluster: Callable[..., Cluster]
) -> None:
    members = [host.model_dump(by_alias=True) for host in cluster.spec.hosts.members]
    grown = build_cluster([*members, {"name": "w-2", "address": "192.0.2.22", "roles": ["worker"]}])
    assert changed(pki, issue_pki(grown, now + DAY, pki)) == {"w-2/kubelet", "w-2/kubelet-client"}


def test_the_leaves_of_a_host_that_left_are_dropped(
    cluster: Cluster, pki: Pki, now: datetime, build_cluster: Callable[..., Cluster]
) -> None:
    members = [host.model_dump(by_alias=True) for host in cluster.spec.hosts.members]
    after = issue_pki(build_cluster(members[:3]), now, pki)
    assert not [name for name in after.leaves if name.startswith("w-1/")]
    assert not changed(pki, after)


def test_a_moved_host_gets_new_serving_certificates_only(
    pki: Pki, now: datetime, cluster: Cluster, build_cluster: Callable[..., Cluster]
) -> None:
    members = [host.model_dump(by_alias=True) for host in cluster.spec.hosts.members]
    members[3]["address"] = "192.0.2.99"
    assert changed(pki, issue_pki(build_cluster(members), now, pki)) == {"w-1/kubelet"}


def test_a_new_api_name_renews_only_the_api_servers(
    pki: Pki, now: datetime, build_cluster: Callable[..., Cluster]
) -> None:
    after = issue_pki(build_cluster(api={"extraNames": ["kube.example.org"]}), now, pki)
    assert changed(pki, after) == {"cp-1/apiserver", "cp-2/apiserver"}


def test_a_shorter_life_in_the_spec_renews_what_lives_longer(
    pki: Pki, now: datetime, build_cluster: Callable[..., Cluster]
) -> None:
    after = issue_pki(build_cluster(security={"certificateDays": 7}), now, pki)
    assert changed(pki, after) == set(pki.leaves)


def test_the_api_server_certificate_names_every_way_to_reach_it(
    now: datetime, build_cluster: Callable[..., Cluster]
) -> None:
    api = {"endpoint": "kube.example.org:443", "extraNames": ["198.51.100.7", "api.internal"]}
    pki = issue_pki(build_cluster(api=api, network={"serviceCidr": "10.43.0.0/16"}), now)
    assert alternative_names(pki.leaves["cp-1/apiserver"].parse()) == {
        *("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"),
        *("10.43.0.1", "cp-1", "192.0.2.11", "127.0.0.1", "localhost"),
        *("kube.example.org", "198.51.100.7", "api.internal"),
    }


@pytest.mark.parametrize("leaf", ["controller-manager", "scheduler", "kubelet"])
def test_servers_on_a_host_are_named_by_it_alone(pki: Pki, leaf: str) -> None:
    assert alternative_names(pki.leaves[f"cp-1/{leaf}"].parse()) == {"cp-1", "192.0.2.11"}


@pytest.mark.parametrize("leaf", ["etcd-server", "etcd-peer"])
def test_etcd_is_named_by_loopback_too_as_it_is_asked_through_tunnels(pki: Pki, leaf: str) -> None:
    names = alternative_names(pki.leaves[f"cp-1/{leaf}"].parse())
    assert names == {"cp-1", "192.0.2.11", "127.0.0.1", "localhost"}


def test_only_api_servers_have_the_name_that_their_clients_ask_for(pki: Pki) -> None:
    named = {name for name, leaf in pki.leaves.items() if API_SERVER_NAME in alternative_names(leaf.parse())}
    assert named == {"cp-1/apiserver", "cp-2/apiserver"}


def test_a_running_cluster_has_the_name_before_any_client_asks_for_it(
    cluster: Cluster, pki: Pki, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the releases before issued is kept for API servers, so that clients may ask for it in any order."""
    with monkeypatch.context() as before:
        loopback = {"127.0.0.1", "localhost"}
        before.setattr(subjects, "host_names", lambda host: frozenset({host.name, host.address, *loopback}))
        old = issue_pki(cluster, now, pki)
    after = issue_pki(cluster, now, old)
    renamed = {"kubelet", "controller-manager", "scheduler"}
    assert changed(old, after) == {name for name in old.leaves if name.partition("/")[2] in renamed}
    assert API_SERVER_NAME in alternative_names(old.leaves["cp-1/apiserver"].parse())


def test_only_what_never_lies_on_a_host_is_a_master(pki: Pki) -> None:
    masters = [name for name, leaf in pki.leaves.items() if "system:masters" in leaf.parse().subject.rfc4514_string()]
    assert masters == ["super-admin"]


def test_certificates_begin_a_little_early_for_clocks_that_lag(pki: Pki, now: datetime) -> None:
    leaf, authority = pki.leaves["cp-1/apiserver"].parse(), pki.authorities[Signer.KUBERNETES].parse()
    assert leaf.not_valid_before_utc == authority.not_valid_before_utc == now - timedelta(minutes=5)
    assert leaf.not_valid_after_utc == now + 90 * DAY
    assert authority.not_valid_after_utc == now + 3650 * DAY


def test_a_given_authority_signs_for_a_new_cluster(cluster: Cluster, pki: Pki, now: datetime) -> None:
    own = new_authority("the user's", now)
    after = issue_pki(cluster, now, given={Signer.ETCD: own})
    assert after.authorities[Signer.ETCD] == own
    theirs = {name for name, leaf in after.leaves.items() if leaf.parse().issuer == own.parse().subject}
    assert theirs == {name for name in pki.leaves if "etcd" in name.rpartition("/")[2]}


def test_a_given_authority_never_takes_over_by_itself(cluster: Cluster, pki: Pki, now: datetime) -> None:
    assert issue_pki(cluster, now, pki, given={Signer.ETCD: new_authority("the user's", now)}) == pki


def test_no_leaf_outlives_its_authority(cluster: Cluster, now: datetime) -> None:
    old = new_authority("old", now - 3600 * DAY)
    pki = issue_pki(cluster, now, given={Signer.KUBERNETES: old})
    assert pki.leaves["cp-1/apiserver"].parse().not_valid_after_utc == old.parse().not_valid_after_utc


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda own, now: Credential(own.certificate, new_authority("other", now).key), "not that of the certificate"),
        (lambda own, now: issue(CertificateSubject("leaf", Usage.SERVER), own, now, DAY), "no authority"),
        (lambda own, now: new_authority("ended", now - 4000 * DAY), "give one that is valid"),
        (lambda own, now: Credential(own.certificate, Secret("-----BEGIN nonsense")), "not readable"),
    ],
)
def test_refuses_an_authority_that_cannot_sign(
    cluster: Cluster, now: datetime, spoil: Callable[[Credential, datetime], Credential], reason: str
) -> None:
    bad = spoil(new_authority("own", now), now)
    with pytest.raises(SpecError, match=reason) as caught:
        issue_pki(cluster, now, given={Signer.KUBERNETES: bad})
    assert "kubernetes authority" in str(caught.value)
    assert "nonsense" not in str(caught.value)


def test_an_ended_authority_is_a_clear_refusal(cluster: Cluster, pki: Pki, now: datetime) -> None:
    with pytest.raises(RefusedError, match="rotate the authority first"):
        issue_pki(cluster, now + 3651 * DAY, pki)


def test_tells_what_ends_soon_and_when(pki: Pki, now: datetime) -> None:
    assert expiring(pki, now, 89 * DAY) == ()
    soon = expiring(pki, now, 91 * DAY)
    assert {item.name for item in soon} == set(pki.leaves)
    assert {item.not_after for item in soon} == {now + 90 * DAY}
    assert {item.name for item in expiring(pki, now, 3650 * DAY)} >= {"ca/kubernetes", "ca/etcd", "ca/front-proxy"}


def test_a_persons_certificate_is_short_lived_and_in_the_bound_group(pki: Pki, now: datetime) -> None:
    leaf = short_lived_admin(pki, "ada", now, timedelta(hours=8)).parse()
    assert leaf.subject.rfc4514_string() == "CN=ada,O=windlass:admins"
    assert leaf.not_valid_after_utc == now + timedelta(hours=8)
    leaf.verify_directly_issued_by(pki.authorities[Signer.KUBERNETES].parse())


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=8)])
def test_a_persons_certificate_of_another_length_is_refused(pki: Pki, now: datetime, life: timedelta) -> None:
    with pytest.raises(RefusedError, match="cannot revoke"):
        short_lived_admin(pki, "ada", now, life)


def test_serial_numbers_differ(pki: Pki) -> None:
    serials = [leaf.parse().serial_number for leaf in pki.leaves.values()]
    assert len(set(serials)) == len(serials)


def test_key_usages_are_those_of_the_purpose(pki: Pki) -> None:
    authority = pki.authorities[Signer.ETCD].parse()
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign) == (True, True)
    leaf = pki.leaves["cp-1/etcd-peer"].parse()
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_cert_sign) == (True, False)
    assert len(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == 2
    identifier = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def test_a_tampered_leaf_is_replaced(cluster: Cluster, pki: Pki, now: datetime) -> None:
    stranger = issue(
        CertificateSubject(
            "kube-apiserver", Usage.SERVER, names=alternative_names(pki.leaves["cp-1/apiserver"].parse())
        ),
        new_authority("demo-kubernetes-ca", now),
        now,
        90 * DAY,
    )
    spoiled = replace(pki, leaves={**pki.leaves, "cp-1/apiserver": stranger})
    assert changed(spoiled, issue_pki(cluster, now, spoiled)) == {"cp-1/apiserver"}


def test_the_longest_names_have_certificates(cluster: Cluster, now: datetime) -> None:
    document = cluster.model_dump(mode="json", by_alias=True)
    document["metadata"]["name"] = "c" * 63
    first = document["spec"]["hosts"]["members"][0]
    first |= {"name": "cp-1.rack-2.a-long-name-of-a-zone.example-co.example", "roles": ["etcd", "control-plane"]}
    assert len(first["name"]) == 52
    made = issue_pki(Cluster.model_validate(document), now)
    node = made.leaves[f"{first['name']}/kubelet"].parse()
    assert node.subject.rfc4514_string().startswith(f"CN=system:node:{first['name']}")
    names = node.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert first["name"] in names.get_values_for_type(x509.DNSName)
    assert made.authorities[Signer.FRONT_PROXY].parse().subject.rfc4514_string() == f"CN={'c' * 49}-front-proxy-ca"
