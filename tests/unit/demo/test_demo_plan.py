from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import Cluster, Known, load_cluster, problems
from windlass_lab import demo_plan
from windlass_lab.model import Lab, LabHost

KEYS = [base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([number]) * 32).decode() for number in range(5)]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path))
    hosts = tuple(
        LabHost(name, f"10.87.5.{11 + number}", f"ssh-ed25519 {KEYS[number]}")
        for number, name in enumerate(demo_plan.HOSTS)
    )
    made = Lab(name=demo_plan.NAME, subnet="10.87.5.0/24", image="image", hosts=hosts)
    made.directory.mkdir(parents=True)
    made.key_path.write_text("PRIVATE KEY of the lab\n")
    made.s3_env_file.write_text("ROOT_ACCESS_KEY=windlass\nROOT_SECRET_KEY=s3-secret\n")
    return made


def read(lab: Lab) -> Cluster:
    return load_cluster(demo_plan.cluster_spec(lab, "v1.37.2"), "demo")


def test_the_spec_is_one_that_windlass_accepts(lab: Lab) -> None:
    assert problems(read(lab), Known(["v1.37.2"])) == []


def test_three_hosts_carry_etcd_and_control_plane_and_one_the_workload(lab: Lab) -> None:
    cluster = read(lab)

    assert [host.name for host in cluster.hosts_with("etcd")] == ["cp-1", "cp-2", "cp-3"]
    assert [host.name for host in cluster.hosts_with("control-plane")] == ["cp-1", "cp-2", "cp-3"]
    assert [host.name for host in cluster.hosts_with("worker")] == ["w-1"]


def test_host_keys_are_known_and_never_taken_on_trust(lab: Lab) -> None:
    ssh = read(lab).spec.hosts.ssh

    assert list(ssh.known_hosts) == list(lab.known_hosts)
    assert not ssh.trust_on_first_use


def test_the_same_lab_has_the_same_run_and_a_new_lab_another(lab: Lab) -> None:
    first = demo_plan.run_id(demo_plan.cluster_spec(lab, "v1.37.2"))
    again = demo_plan.run_id(demo_plan.cluster_spec(lab, "v1.37.2"))
    renewed = replace(lab, hosts=(replace(lab.hosts[0], public_key=f"ssh-ed25519 {KEYS[-1]}"), *lab.hosts[1:]))

    assert first == again
    assert demo_plan.run_id(demo_plan.cluster_spec(renewed, "v1.37.2")) != first
    assert demo_plan.run_id(demo_plan.cluster_spec(lab, "v1.36.3")) != first


def test_connections_carry_what_the_operations_need(lab: Lab) -> None:
    key = new_master_key()

    found = {name: json.loads(value) for name, value in demo_plan.connections(lab, key).items()}

    assert found["windlass_ssh"]["login"] == "ops"
    assert found["windlass_ssh"]["extra"]["private_key"] == "PRIVATE KEY of the lab\n"
    assert found["windlass_store"]["password"] == "s3-secret"
    assert found["windlass_store"]["extra"] == {"endpoint_url": lab.s3_endpoint, "bucket": "windlass"}
    assert MasterKeys.parse(found["windlass_master_key"]["password"])


def test_the_spec_holds_no_secret(lab: Lab) -> None:
    text = demo_plan.cluster_spec(lab, "v1.37.2")

    assert "PRIVATE KEY" not in text
    assert "s3-secret" not in text


def test_a_spec_that_names_no_mirror_takes_everything_from_the_labs(lab: Lab) -> None:
    variables = demo_plan.airflow_settings(lab, new_master_key()).variables
    assert variables == {"WINDLASS_MIRROR": lab.mirror_url, "WINDLASS_REGISTRY": lab.registry}
