"""Hosts of a lab are like real ones: what creating a cluster relies on."""

from __future__ import annotations

import subprocess
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from windlass_lab.lab import LabPlan, status, up
from windlass_lab.model import Lab

pytestmark = pytest.mark.lab


def on(lab: Lab, host: str, *words: str) -> str:
    argv = ["ssh", "-F", str(lab.directory / "ssh_config"), "-o", "BatchMode=yes", host, *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_the_login_is_an_ordinary_user_with_sudo_and_root_has_none(lab: Lab) -> None:
    assert on(lab, "cp-1", "id -un; sudo --non-interactive id -un").split() == ["ops", "root"]
    options = ["-i", str(lab.key_path), "-o", f"UserKnownHostsFile={lab.directory / 'known_hosts'}"]
    argv = ["ssh", "-F", "none", *options, "-o", "BatchMode=yes", f"root@{lab.host('cp-1').address}", "true"]
    refused = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert "Permission denied" in refused.stderr


def test_a_host_is_known_by_its_own_key(lab: Lab, tmp_path: Path) -> None:
    assert len({host.public_key for host in lab.hosts}) == len(lab.hosts)
    swapped = tmp_path / "known_hosts"
    swapped.write_text(f"{lab.host('cp-1').address} {lab.host('w-1').public_key}\n")
    argv = ["ssh", "-F", str(lab.directory / "ssh_config"), "-o", f"UserKnownHostsFile={swapped}", "cp-1", "true"]
    refused = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 255
    assert "Host key verification failed" in refused.stderr


def test_no_two_hosts_share_a_machine_id(lab: Lab) -> None:
    ids = [on(lab, host.name, "cat /etc/machine-id") for host in lab.hosts]
    assert all(len(one) == 32 for one in ids)
    assert len(set(ids)) == len(ids)


def test_systemd_has_booted_without_a_failed_unit(lab: Lab) -> None:
    assert on(lab, "cp-1", "systemctl --failed --no-legend; systemctl is-system-running") == "running"


def test_docker_keeps_its_layers_in_overlays(lab: Lab) -> None:
    assert on(lab, "cp-1", "sudo docker info --format '{{.Driver}}'") == "overlay2"


def test_an_overlay_can_be_mounted_where_containerd_will_keep_its_own(lab: Lab) -> None:
    script = (
        "set -e; d=$(sudo mktemp -d -p /var/lib/windlass); sudo mkdir $d/l $d/u $d/w $d/m;"
        "sudo mount -t overlay overlay -o lowerdir=$d/l,upperdir=$d/u,workdir=$d/w $d/m;"
        "sudo touch $d/m/file; sudo umount $d/m; sudo ls $d/u; sudo rm -r $d"
    )
    assert on(lab, "cp-1", script) == "file"


def test_kubelet_finds_what_it_does_not_start_without(lab: Lab) -> None:
    assert "shared" in on(lab, "cp-1", "test -c /dev/kmsg && findmnt -n -o PROPAGATION /").split(",")


def test_name_servers_are_none_that_dns_in_a_cluster_would_loop_on(lab: Lab) -> None:
    servers = on(lab, "cp-1", "grep ^nameserver /etc/resolv.conf").splitlines()
    assert servers
    assert not any(" 127." in line for line in servers)


def test_hosts_reach_each_other_and_the_mirror(lab: Lab) -> None:
    assert on(lab, "cp-1", f"timeout 5 bash -c 'head -c 7 </dev/tcp/{lab.host('w-1').address}/22'") == "SSH-2.0"
    assert on(lab, "cp-1", f"curl -fsS {lab.mirror_url}/healthz") == "ok"
    assert on(lab, "cp-1", f"curl -fsS -o /dev/null -w '%{{http_code}}' http://{lab.registry}/v2/") == "200"


def test_the_mirror_answers_on_this_machine_too(lab: Lab) -> None:
    with urllib.request.urlopen(f"{lab.mirror_url}/lock.json", timeout=10) as answer:  # noqa: S310 - http, by the lab
        assert b'"artifacts"' in answer.read()


def test_the_s3_server_keeps_objects_and_honours_conditions(lab: Lab) -> None:
    login = lab.s3_credentials()
    client = boto3.client(
        "s3",
        endpoint_url=lab.s3_endpoint,
        aws_access_key_id=login.access_key,
        aws_secret_access_key=login.secret_key,
        region_name="us-east-1",
        config=Config(proxies={}),
    )
    client.delete_object(Bucket="windlass", Key="lab-test")
    client.put_object(Bucket="windlass", Key="lab-test", Body=b"first", IfNoneMatch="*")
    with pytest.raises(client.exceptions.ClientError, match="PreconditionFailed"):
        client.put_object(Bucket="windlass", Key="lab-test", Body=b"second", IfNoneMatch="*")
    assert client.get_object(Bucket="windlass", Key="lab-test")["Body"].read() == b"first"
    client.delete_object(Bucket="windlass", Key="lab-test")


def test_up_again_changes_nothing(lab: Lab) -> None:
    def containers() -> str:
        argv = ["docker", "ps", "-aq", "--no-trunc", "--filter", f"label=io.windlass.lab={lab.name}"]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    before = containers()
    again = up(LabPlan(lab.name, ("cp-1",), lab.bare, lab.disk_size))
    assert (again.hosts, again.subnet) == (lab.hosts, lab.subnet)
    assert containers() == before
    assert {one.state for one in status(lab)} == {"running"}
