"""A cluster whose certificates, and the authorities above them, have ended is brought back with all that it held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from e2e.ground import Ground, wait_for
from e2e.standing import empty_ground, ensure_cluster, stands
from windlass.domain.pki import files_for, issue_pki
from windlass.domain.pki.rotation import has_anything_ended
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec import load_cluster
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.ssh.pool import Connections
from windlass.errors import WindlassError
from windlass.operations.cluster import put_files

pytestmark = pytest.mark.full

LONG_AGO = timedelta(days=3700)
ALL_PHASES = timedelta(hours=1)
AGAIN = "systemctl stop kubelet; docker restart $(docker ps -q) >/dev/null; systemctl start kubelet"


def end(ground: Ground) -> None:
    """Put certificates of ten years ago into the store and on all hosts, and start everything with them."""
    cluster = load_cluster(ground.records.spec() or "", "the stored spec")
    present, then = ground.pki(), datetime.now(UTC) - LONG_AGO
    authorities = replace(present, authorities=issue_pki(cluster, then).authorities, leaves={})
    ended = replace(authorities, leaves=issue_pki(cluster, then, authorities).leaves)
    ground.records.save_pki(ended, MasterKeys.parse(ground.master_key.reveal()))
    hosts = cluster.spec.hosts.members
    with Connections([ground.lab.target(host.name) for host in hosts]) as connections:
        for host in hosts:
            files = files_for(cluster, host, ended).items()
            laid = {path: RemoteFile(file.content, file.mode, file.owner) for path, file in files}
            put_files(connections.get(host.name), laid)
    for host in hosts:
        ground.on(host.name, AGAIN, timedelta(minutes=3))


def is_api_let_in(ground: Ground) -> bool:
    try:
        with ground.api() as client:
            return client.is_ready()
    except WindlassError:
        return False


@pytest.fixture(scope="module")
def ended(ground: Ground) -> Iterator[Ground]:
    """The cluster, with a note of somebody's, in which nobody accepts anybody any more."""
    ensure_cluster(ground)
    ground.kubectl("cp-1", "create", "configmap", "kept", "--from-literal=a=b")
    end(ground)
    try:
        yield ground
    finally:
        if not stands(ground):
            empty_ground(ground)


def test_it_comes_back_with_what_it_held(ended: Ground) -> None:
    assert has_anything_ended(ended.pki(), datetime.now(UTC))
    wait_for(lambda: not is_api_let_in(ended), "an API that lets nobody in")

    run_id = ended.start("rotate_certificates", what="all", auto_approve=True)
    run = ended.finish("rotate_certificates", run_id, ALL_PHASES).succeeded()

    assert set(run.result("revive")) == {"cp-1", "cp-2", "cp-3", "w-1"}
    assert not has_anything_ended(ended.pki(), datetime.now(UTC))
    wait_for(lambda: ended.not_ready() == set(), "nodes that are Ready")
    assert ended.kubectl("cp-1", "get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "b"
    assert any("certificates had ended" in line for line in ended.service_log())


def test_it_is_as_its_spec_says(ended: Ground) -> None:
    assert ended.apply().succeeded().outcome == "nothing"
    ended.kubectl("cp-1", "delete", "configmap", "kept")
