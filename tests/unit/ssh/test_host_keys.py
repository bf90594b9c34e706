from __future__ import annotations

import base64
import hmac
from dataclasses import replace

import pytest

from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.host_keys import HostKey, keys_of, known_hosts_line, revoked_keys, verify, with_accepted
from windlass.errors import IntegrityError, RefusedError, SpecError

KEY = HostKey("ssh-ed25519", b"one")
OTHER = HostKey("ssh-ed25519", b"two")
TARGET = SshTarget("cp-1", "192.0.2.11", "ops", "key")


def line(hosts: str, key: HostKey = KEY) -> str:
    return f"{hosts} {key.kind} {base64.b64encode(key.blob).decode()}"


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), "sha1").digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    "hosts", ["192.0.2.11", "cp-1", "other,192.0.2.11", "192.0.2.*", "cp-?", hashed("192.0.2.11"), hashed("cp-1")]
)
def test_lines_for_the_host_count(hosts: str) -> None:
    assert keys_of(replace(TARGET, known_hosts=(line(hosts) + " a comment",))) == (KEY,)


@pytest.mark.parametrize(
    "hosts", ["192.0.2.12", "cp-10", "192.0.2.*,!192.0.2.11,!cp-1", hashed("cp-2"), "[192.0.2.11]:2222"]
)
def test_lines_for_other_hosts_do_not(hosts: str) -> None:
    assert keys_of(replace(TARGET, known_hosts=(line(hosts), "# comment", ""))) == ()


def test_another_port_needs_a_line_of_its_own() -> None:
    target = replace(TARGET, port=2222)
    assert keys_of(replace(target, known_hosts=(line("192.0.2.11"),))) == ()
    assert keys_of(replace(target, known_hosts=(line("[192.0.2.11]:2222"),))) == (KEY,)
    assert known_hosts_line(target, KEY) == line("[192.0.2.11]:2222")


def test_any_known_key_is_accepted() -> None:
    assert verify(replace(TARGET, known_hosts=(line("cp-1", OTHER), line("cp-1"))), KEY) is None


def test_unknown_key_is_refused_unless_first_use_is_trusted() -> None:
    with pytest.raises(RefusedError, match="is not known") as caught:
        verify(TARGET, KEY)
    assert line("192.0.2.11") in str(caught.value)
    assert KEY.fingerprint in str(caught.value)
    assert verify(replace(TARGET, trust_on_first_use=True), KEY) == line("192.0.2.11")


def test_changed_key_is_never_trusted() -> None:
    target = replace(TARGET, trust_on_first_use=True, known_hosts=(line("192.0.2.11", OTHER),))
    with pytest.raises(IntegrityError, match="has changed") as caught:
        verify(target, KEY)
    assert KEY.fingerprint in str(caught.value)
    assert OTHER.fingerprint in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    ["cp-1", "cp-1 ssh-ed25519", "cp-1 ssh-ed25519 not-base64!", "@revoked * ssh-ed25519", "|1|a=| ssh-ed25519 AA=="],
)
def test_malformed_line_is_shown(wrong: str) -> None:
    with pytest.raises(SpecError, match="known_hosts"):
        keys_of(replace(TARGET, known_hosts=(wrong,)))


@pytest.mark.parametrize("hosts", ["192.0.2.11", "cp-1", "*", "192.0.2.*", hashed("cp-1")])
@pytest.mark.parametrize("trusted", [(), (line("192.0.2.11"),), (line("cp-1"), line("cp-1", OTHER))])
def test_a_revoked_key_is_refused_whatever_else_is_said_of_it(hosts: str, trusted: tuple[str, ...]) -> None:
    target = replace(TARGET, known_hosts=(*trusted, f"@revoked {line(hosts)}"), trust_on_first_use=True)
    assert (revoked_keys(target), KEY in keys_of(target)) == ((KEY,), False)
    with pytest.raises(IntegrityError, match=r"cp-1 \(192\.0\.2\.11\).* @revoked line .* new key") as caught:
        verify(target, KEY)
    assert KEY.fingerprint in str(caught.value)


def test_a_key_that_is_revoked_for_others_is_good_here() -> None:
    target = replace(TARGET, known_hosts=(line("192.0.2.11"), f"@revoked {line('192.0.2.12')}", "  # comment"))
    assert verify(target, KEY) is None
    assert verify(replace(target, known_hosts=(*target.known_hosts, f"@revoked {line('*', OTHER)}")), KEY) is None


def test_a_revoked_key_stays_so_in_a_later_line_of_one_entry_and_where_it_was_replaced() -> None:
    target = replace(TARGET, known_hosts=(f"{line('192.0.2.11')}\n@revoked {line('192.0.2.11')}\n",))
    assert keys_of(target) == ()
    accepted = with_accepted(target, line("192.0.2.11", OTHER), {KEY.fingerprint})
    assert (keys_of(accepted), revoked_keys(accepted)) == ((OTHER,), (KEY,))
    with pytest.raises(IntegrityError, match="revoked"):
        verify(accepted, KEY)


def test_an_authority_is_not_taken_for_a_host() -> None:
    for hosts in ("192.0.2.11", "*", "192.0.2.12"):
        target = replace(TARGET, known_hosts=(f"@cert-authority {line(hosts)}",), trust_on_first_use=True)
        with pytest.raises(SpecError, match=r"the marker @cert-authority is not supported.* ssh-keyscan"):
            verify(target, KEY)


def test_private_key_stays_out_of_the_repr() -> None:
    assert "s3cret" not in repr(replace(TARGET, private_key="s3cret"))


class TestAccepted:
    """A key that somebody accepted in place of others."""

    mine = replace(TARGET, known_hosts=(line("192.0.2.11"), line("cp-2", OTHER), "# comment", ""))

    def test_it_alone_is_trusted_from_then_on(self) -> None:
        found = with_accepted(self.mine, line("192.0.2.11", OTHER), {KEY.fingerprint})
        assert keys_of(found) == (OTHER,)
        assert verify(found, OTHER) is None
        with pytest.raises(IntegrityError, match=r"has changed.*accept_new_host_key of apply_cluster"):
            verify(found, KEY)

    def test_a_key_that_every_host_shows_is_replaced_for_this_host_alone(self) -> None:
        shared = replace(TARGET, known_hosts=(line("*"),))
        assert keys_of(with_accepted(shared, line("192.0.2.11", OTHER), {KEY.fingerprint})) == (OTHER,)
        assert keys_of(shared) == (KEY,)

    def test_newer_lines_of_the_spec_outweigh_it(self) -> None:
        third = HostKey("ssh-ed25519", b"three")
        newer = replace(TARGET, known_hosts=(line("192.0.2.11", third),))
        assert keys_of(with_accepted(newer, line("192.0.2.11", OTHER), {KEY.fingerprint})) == (third,)
        same = replace(TARGET, known_hosts=(line("cp-1", OTHER), line("cp-1")))
        assert keys_of(with_accepted(same, line("192.0.2.11", OTHER), {KEY.fingerprint})) == (OTHER,)
