from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from windlass.airflow.hooks.host import HostHook
from windlass.domain.spec import Cluster, load_cluster
from windlass.effects.store import HostKeys, MemoryStore
from windlass.errors import SpecError

KEY = Ed25519PrivateKey.generate()
HOST_KEY = KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def pem(encryption: KeySerializationEncryption, form: PrivateFormat = PrivateFormat.OpenSSH) -> str:
    return KEY.private_bytes(Encoding.PEM, form, encryption).decode()


PLAIN = pem(NoEncryption())


def cluster(ssh: dict[str, Any]) -> Cluster:
    hosts = [{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane", "worker"]}]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"ssh": ssh, "members": hosts}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return load_cluster(json.dumps(document), "demo.yaml")


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Any:
    def define(conn_id: str = "windlass_ssh", login: str | None = "ops", **extra: str) -> None:
        fields = {"conn_type": "ssh", "login": login, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    return define


def test_login_comes_from_the_connection_and_the_address_from_the_spec(connection: Any) -> None:
    connection(private_key=PLAIN)
    (target,) = HostHook().targets(cluster({"port": 2222, "knownHosts": [f"cp-1 {HOST_KEY}"]}))
    assert (target.name, target.address, target.port, target.user) == ("cp-1", "192.0.2.11", 2222, "ops")
    assert target.private_key == PLAIN
    assert target.known_hosts == (f"cp-1 {HOST_KEY}",)
    assert not target.trust_on_first_use


def test_login_of_the_spec_wins(connection: Any) -> None:
    connection(private_key=PLAIN)
    assert HostHook().targets(cluster({"user": "admin"}))[0].user == "admin"


def test_key_may_lie_in_a_file(connection: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(PLAIN)
    connection(key_file=str(tmp_path / "key"))
    assert HostHook().targets(cluster({}))[0].private_key == PLAIN


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_passphrase_opens_the_key(connection: Any, form: PrivateFormat) -> None:
    locked = pem(BestAvailableEncryption(b"open sesame"), form)
    connection(private_key=locked, private_key_passphrase="open sesame")
    opened = load_ssh_private_key(HostHook().targets(cluster({}))[0].private_key.encode(), None)
    assert opened.public_key() == KEY.public_key()
    connection(private_key=locked, private_key_passphrase="wrong")
    with pytest.raises(SpecError, match="passphrase does not open") as caught:
        HostHook().targets(cluster({}))
    assert "PRIVATE KEY" not in str(caught.value)


def test_host_keys_of_the_connection_count_too(connection: Any) -> None:
    connection(private_key="k", known_hosts="a ssh-ed25519 AAAA\n\nb ssh-ed25519 BBBB\n", host_key="ssh-ed25519 CCCC")
    assert HostHook().targets(cluster({}))[0].known_hosts == (
        "a ssh-ed25519 AAAA",
        "b ssh-ed25519 BBBB",
        "* ssh-ed25519 CCCC",
    )


def test_switches_that_turn_the_check_off_have_no_effect(connection: Any) -> None:
    connection(private_key="k", no_host_key_check="true", allow_host_key_change="true")
    target = HostHook().targets(cluster({}))[0]
    assert (target.known_hosts, target.trust_on_first_use) == ((), False)


def test_bastion_may_have_a_connection_of_its_own(connection: Any) -> None:
    connection(private_key="hosts")
    connection("jump", "jumper", private_key="bastion")
    bastion = {"address": "192.0.2.1", "connection": "jump", "knownHosts": [f"192.0.2.1 {HOST_KEY}"]}
    found = HostHook().targets(cluster({"bastion": bastion}))[0].bastion
    assert found is not None
    assert (found.address, found.user, found.private_key) == ("192.0.2.1", "jumper", "bastion")
    assert found.known_hosts == (f"192.0.2.1 {HOST_KEY}",)


def test_what_is_missing_is_named(connection: Any) -> None:
    connection(login=None, private_key="k")
    with pytest.raises(SpecError, match="has no login"):
        HostHook().targets(cluster({}))
    connection()
    with pytest.raises(SpecError, match="has no private key"):
        HostHook().targets(cluster({}))
    with pytest.raises(SpecError, match="no connection `absent`"):
        HostHook("absent").targets(cluster({}))


def test_recorded_keys_are_used_where_first_use_is_trusted(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connection(private_key="k")
    keys = HostKeys(MemoryStore(), "demo")
    desired = cluster({"trustOnFirstUse": True})
    keys.record(HostHook().targets(desired)[0], "192.0.2.11 ssh-ed25519 AAAA")
    with HostHook().connections(desired, keys) as connections:
        assert connections.target("cp-1").known_hosts == ("192.0.2.11 ssh-ed25519 AAAA",)
    with HostHook().connections(cluster({}), keys) as connections:
        assert connections.target("cp-1").known_hosts == ()


def reached(own: dict[str, Any], ssh: dict[str, Any]) -> Cluster:
    document = cluster(ssh).model_dump(mode="json", by_alias=True)
    document["spec"]["hosts"]["members"][0] |= {
        "address": "cp-1.example.com",
        "privateAddress": "10.0.1.11",
        "ssh": own,
    }
    return load_cluster(json.dumps(document), "demo.yaml")


def test_a_host_has_its_own_login_where_the_spec_says_so(connection: Any) -> None:
    connection(private_key=PLAIN)
    other = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    connection("rack2", private_key=other)
    own = {"user": "admin", "port": 2222, "connection": "rack2", "knownHosts": [f"cp-1 {HOST_KEY}"]}
    target = HostHook().targets(reached(own, {"user": "ops"}))[0]
    assert (target.address, target.port, target.user) == ("cp-1.example.com", 2222, "admin")
    assert (target.private_key, target.known_hosts) == (other, (f"cp-1 {HOST_KEY}",))


def test_a_host_has_its_own_bastion_or_none(connection: Any) -> None:
    connection(private_key=PLAIN)
    connection("rack2", login="jump", private_key=PLAIN)
    for_all, own = {"bastion": {"address": "a.example.com"}}, {"address": "b.example.com", "port": 2200}

    def bastion(of_host: dict[str, Any]) -> Any:
        return HostHook().targets(reached(of_host, for_all))[0].bastion

    assert (bastion({}).address, bastion({}).user) == ("a.example.com", "ops")
    found = bastion({"bastion": own, "connection": "rack2"})
    assert (found.address, found.port, found.user) == ("b.example.com", 2200, "jump")
    assert bastion({"connection": "rack2"}).user == "ops"  # the bastion of all has the login of all
    assert bastion({"direct": True}) is None
