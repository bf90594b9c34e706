from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from windlass.errors import SpecError
from windlass_lab.hosts import host_keys
from windlass_lab.keys import new_key_pair
from windlass_lab.model import Lab, LabHost, all_names, find, forget, load, save

LAB = Lab(
    "dev",
    "10.87.5.0/24",
    "host:1",
    (LabHost("cp-1", "10.87.5.11", "ssh-ed25519 AAAA1"), LabHost("w-1", "10.87.5.12", "ssh-ed25519 AAAA2")),
    disk_size="1G",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path))
    return tmp_path


def test_what_was_saved_is_loaded() -> None:
    save(LAB)
    assert load("dev") == LAB
    assert all_names() == ["dev"]


def test_a_lab_of_before_there_were_virtual_machines_is_loaded() -> None:
    save(LAB)
    document = json.loads((LAB.directory / "lab.json").read_text())
    for host in document["hosts"]:
        del host["is_vm"]
    (LAB.directory / "lab.json").write_text(json.dumps(document))
    assert load("dev") == LAB


def test_a_lab_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    save(LAB)
    with pytest.raises(SpecError, match=r"no lab `test` \(labs: dev\)"):
        load("test")


def test_a_forgotten_lab_leaves_no_file() -> None:
    save(LAB)
    forget("dev")
    assert find("dev") is None
    assert not LAB.directory.exists()


def test_state_is_readable_by_its_owner_alone() -> None:
    save(LAB)
    assert {stat.S_IMODE(path.stat().st_mode) for path in LAB.directory.iterdir()} == {0o600}


def test_services_have_addresses_of_their_own() -> None:
    assert LAB.mirror_url == "http://10.87.5.2:8080"
    assert LAB.registry == "10.87.5.3:5000"
    assert LAB.s3_endpoint == "http://10.87.5.4:7070"


def test_a_target_knows_the_host_by_its_own_key() -> None:
    save(LAB)
    LAB.key_path.write_text("private")
    target = LAB.target("w-1")
    assert (target.address, target.user, target.known_hosts) == ("10.87.5.12", "ops", ("10.87.5.12 ssh-ed25519 AAAA2",))
    assert not target.trust_on_first_use
    assert "private" not in repr(target)


def test_an_unknown_host_is_an_error_that_names_those_that_are() -> None:
    with pytest.raises(SpecError, match="it has cp-1, w-1"):
        LAB.target("cp-9")


def test_secrets_stay_out_of_reprs() -> None:
    pair = new_key_pair()
    assert pair.private not in repr(pair)
    LAB.directory.mkdir(parents=True)
    LAB.s3_env_file.write_text("ROOT_ACCESS_KEY=one\nROOT_SECRET_KEY=hidden=\n")
    login = LAB.s3_credentials()
    assert (login.access_key, login.secret_key) == ("one", "hidden=")
    assert "hidden" not in repr(login)


def test_a_hosts_keys_stay_until_they_are_renewed() -> None:
    first = host_keys("dev", "cp-1")
    assert host_keys("dev", "cp-1") == first
    assert host_keys("dev", "w-1") != first
    assert host_keys("dev", "cp-1", renew=True) != first
