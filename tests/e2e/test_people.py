"""People get into the cluster by who they are in Airflow: as far as their groups may, and for an hour at most."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from cryptography import x509

from e2e.ground import APPROVED, CLUSTER, Ground
from e2e.standing import ensure_cluster
from windlass.cli.credential import ask_credential
from windlass.cli.kubeconfig import login_kubeconfig
from windlass.cli.user_cache import KeptCredential
from windlass.domain.host.layout import API_PORT
from windlass.domain.pki import Signer
from windlass.effects.kubernetes.client import NAMESPACES, Credentials, KubernetesClient, Resource
from windlass.errors import RefusedError

pytestmark = pytest.mark.full

CONFIG_MAPS = Resource("v1", "configmaps", namespaced=True)
MAP: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "people", "namespace": "default"}}


def let_in(ground: Ground, *groups: str, minutes: int = 60) -> None:
    """Have whoever is `admin` in the embedded Airflow be in these groups of the cluster."""
    access = {"groups": {"admin": list(groups)}, "credentialMinutes": minutes}
    ground.apply(ground.spec(access=access), **APPROVED).succeeded()


@contextmanager
def as_person(ground: Ground, credential: KeptCredential, host: str = "cp-1") -> Iterator[KubernetesClient]:
    authority = ground.pki().authorities[Signer.KUBERNETES].certificate
    mine = Credentials(authority, credential.certificate, credential.key.reveal())
    with KubernetesClient(str(ground.lab.host(host).address), API_PORT, mine) as client:
        yield client


@pytest.fixture(scope="module")
def viewer(ground: Ground) -> KeptCredential:
    ensure_cluster(ground)
    let_in(ground, "windlass:view")
    return ask_credential(ground.client, CLUSTER)


def test_a_viewer_sees_and_cannot_delete_on_any_api_server(ground: Ground, viewer: KeptCredential) -> None:
    with ground.api() as admin:
        admin.apply(MAP)
    for host in ("cp-1", "cp-2", "cp-3"):
        with as_person(ground, viewer, host) as client:
            assert client.get(NAMESPACES, "default")
            with pytest.raises(RefusedError, match="airflow:admin"):
                client.delete(CONFIG_MAPS, "people", "default")


def test_kubelets_take_no_certificate_of_people(ground: Ground, viewer: KeptCredential) -> None:
    files = f"cat > /tmp/p.crt <<'END'\n{viewer.certificate}END\ncat > /tmp/p.key <<'END'\n{viewer.key.reveal()}END\n"
    ask = "curl -sk -o /dev/null -w '%{http_code}' --cert /tmp/p.crt --key /tmp/p.key https://127.0.0.1:10250/pods"
    assert ground.on("cp-1", f"umask 077\n{files}{ask}\nrm -f /tmp/p.crt /tmp/p.key").strip() == "401"


def test_other_groups_come_with_the_next_certificate_and_restart_nothing(
    ground: Ground, viewer: KeptCredential
) -> None:
    before = ground.beginnings()
    let_in(ground, "windlass:admin")
    assert ground.beginnings() == before
    with as_person(ground, ask_credential(ground.client, CLUSTER)) as client:
        assert client.delete(CONFIG_MAPS, "people", "default")


def test_who_has_a_certificate_is_in_the_service_log(ground: Ground, viewer: KeptCredential) -> None:
    serial = f"{x509.load_pem_x509_certificate(viewer.certificate.encode()).serial_number:x}"
    assert any("airflow:admin (windlass:view) has a certificate until " in line for line in ground.service_log())
    logs = ground.store.list(f"clusters/{CLUSTER}/log/")
    stored = [one.data.decode() for item in logs if (one := ground.store.get(item.key))]
    assert any(serial in text for text in stored)
    assert not any("BEGIN CERTIFICATE" in text for text in stored)


def test_a_certificate_is_useless_after_its_life(ground: Ground, viewer: KeptCredential) -> None:
    let_in(ground, "windlass:view", minutes=1)
    short = ask_credential(ground.client, CLUSTER)
    with as_person(ground, short) as client:
        assert client.get(NAMESPACES, "default")
    time.sleep(max((short.expires - datetime.now(UTC)).total_seconds(), 0) + 2)
    with as_person(ground, short) as client, pytest.raises(RefusedError, match="401"):
        client.get(NAMESPACES, "default")


def test_a_kubeconfig_has_no_key(ground: Ground, viewer: KeptCredential) -> None:
    text = login_kubeconfig(ground.client, CLUSTER, ground.home.root.name)
    (user,) = yaml.safe_load(text)["users"]
    assert set(user["user"]) == {"exec"}
    assert "client-key" not in text


def test_taking_the_last_group_away_shuts_everybody_out_at_once(ground: Ground, viewer: KeptCredential) -> None:
    let_in(ground, "windlass:view")
    good = ask_credential(ground.client, CLUSTER)
    ground.apply(ground.spec(), **APPROVED).succeeded()
    for host in ("cp-1", "cp-2", "cp-3"):
        with as_person(ground, good, host) as client, pytest.raises(RefusedError, match="401"):
            client.get(NAMESPACES, "default")
    with pytest.raises(RefusedError, match="nobody gets into"):
        ask_credential(ground.client, CLUSTER)
