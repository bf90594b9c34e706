from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from packages import install
from unit.services import services_of
from windlass.airflow.operators.hosts import HostProvisionOperator
from windlass.airflow.operators.remediation import ProvidedMachines
from windlass.airflow.providers import host_provider
from windlass.airflow.run_context import RunContext
from windlass.domain.catalog import Catalog
from windlass.domain.lease import Owner
from windlass.domain.spec import Cluster, dump_cluster
from windlass.domain.spec.settled import settled
from windlass.effects.catalog import load_catalog
from windlass.effects.providers import Ec2Provider, HostProvider, LibcloudProvider, StaticProvider, installed
from windlass.effects.store import ClusterRecords, MemoryStore
from windlass.errors import SpecError

SETTINGS = {"imageId": "ami-1", "instanceType": "t", "subnetId": "s", "securityGroupIds": ["g"]}
CLOUD = {"driver": "dummy", "image": "1", "size": "1"}
GROUP = "windlass.host_providers"
CATALOG = Path(__file__).resolve().parents[3] / "include" / "templates" / "kubernetes"
RACK = """
from pathlib import Path

class Rack:
    makes_hosts = True

    def __init__(self, settings):
        self.settings = settings
        Path(settings["marker"]).touch()

    def missing(self, cluster):
        return ("cp-1",)

    def provide(self, cluster, run):
        return ("cp-1",)

    def destroy(self, cluster, names=None):
        return ()

def make(settings):
    return Rack(settings)

class NoProvider:
    missing = ()

    def __init__(self, settings):
        Path(settings["marker"]).touch()

    def provide(self, cluster, run):
        return ()

made = Rack.__new__(Rack)
"""


def cluster(provider: str, **settings: Any) -> Cluster:
    members = [{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane", "worker"]}]
    hosts = {"provider": provider, "settings": settings, "members": members}
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": hosts}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(CATALOG)


@pytest.fixture
def run(catalog: Catalog) -> RunContext:
    services = services_of(MemoryStore(), load_catalog=lambda: catalog, provider=host_provider)
    return RunContext("demo", Owner("create_cluster", "mine"), lambda _: None, services)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that is there once somebody's code was run."""
    return tmp_path / "marker"


def install_rack(folder: Path, patch: pytest.MonkeyPatch, name: str = "rackhosts", **entries: str) -> None:
    install(folder / name, patch, name, group=GROUP, entries=entries, code=RACK)


@pytest.mark.parametrize("name", ["static", "lab"])
def test_hosts_that_are_there_are_left_to_whoever_made_them(name: str) -> None:
    provider = host_provider(cluster(name))
    assert not provider.makes_hosts
    assert provider.provide(cluster(name), "run") == provider.destroy(cluster(name)) == ()


def test_ec2_logs_in_by_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match="no connection `aws_default`"):
        host_provider(cluster("ec2", **SETTINGS))
    fields = {"conn_type": "aws", "login": "a", "password": "b"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(fields))
    with pytest.raises(SpecError, match="names no region"):
        host_provider(cluster("ec2", **SETTINGS))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({**fields, "extra": {"region_name": "eu-west-1"}}))
    assert isinstance(host_provider(cluster("ec2", **SETTINGS)), Ec2Provider)


def test_libcloud_logs_in_by_a_connection_that_the_spec_names() -> None:
    with pytest.raises(SpecError, match=r"spec\.hosts\.connection: libcloud needs the connection"):
        host_provider(cluster("libcloud", **CLOUD))


def test_what_is_made_before_a_creation_holds_is_known_to_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: RunContext, marker: Path
) -> None:
    install_rack(tmp_path, monkeypatch, rack="rackhosts:Rack")
    of_rack = cluster("rack", marker=str(marker))
    create = {"params": {"spec": dump_cluster(of_rack), "plan_only": False}, "ti": Mock()}

    assert HostProvisionOperator(task_id="provision", skips=[]).act(create, run) == ["cp-1"]  # type: ignore[arg-type]

    assert run.cluster() == settled(of_rack, None)  # so that a deletion knows what to destroy
    assert run.lease().effective() is None


def test_a_provider_of_an_installed_package_gets_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: RunContext, marker: Path
) -> None:
    install_rack(tmp_path, monkeypatch, rack="rackhosts:Rack")
    of_rack = cluster("rack", marker=str(marker))
    text = dump_cluster(of_rack)
    assert run.desired(text) == settled(of_rack, None)
    assert not marker.exists()
    assert run.missing_hosts(run.desired(text)) == ("cp-1",)
    assert marker.exists()


def as_argv(*words: str) -> dict[str, Any]:
    """Return settings that Popen would take for a command: it makes a list of what it is given."""
    return dict.fromkeys(words, "")


def test_a_class_that_a_new_spec_names_is_refused_with_its_line_and_not_run(run: RunContext, marker: Path) -> None:
    text = dump_cluster(cluster("subprocess:Popen", **as_argv("touch", str(marker))))
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "subprocess:Popen" in one)
    plan = {"params": {"spec": text, "plan_only": True}, "ti": Mock()}

    with pytest.raises(SpecError, match=rf"spec:{line}: spec\.hosts\.provider: .*entry point of an installed package"):
        HostProvisionOperator(task_id="provision", skips=[]).act(plan, run)  # type: ignore[arg-type]

    assert_not_run(marker)


def test_a_class_that_a_stored_spec_names_is_not_run_by_any_look_at_the_cluster(run: RunContext, marker: Path) -> None:
    stored = cluster("subprocess:Popen", **as_argv("touch", str(marker)))
    ClusterRecords(run.store, "demo").save_spec(dump_cluster(stored))
    plan = {"params": {"spec": None, "plan_only": True}, "ti": Mock()}
    machines = ProvidedMachines(Mock(cluster=run.cluster()), run)

    for look in (
        lambda: HostProvisionOperator(task_id="provision", skips=[]).act(plan, run),  # type: ignore[arg-type]
        lambda: machines.makes_hosts,
        machines.gone,
        lambda: run.missing_hosts(run.cluster()),
        lambda: run.destroy_host(run.cluster(), "cp-1"),
    ):
        with pytest.raises(SpecError, match="`subprocess:Popen` is no entry point"):
            look()

    assert run.cluster() == stored  # it is watched and backed up as before
    assert_not_run(marker)


def assert_not_run(marker: Path) -> None:
    """See that nothing makes the file; a program that was started would take a moment."""
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        assert not marker.exists()
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("rackhosts:make", "is no class"),
        ("rackhosts:made", "is no class"),
        ("subprocess:Popen", "has no destroy, no makes_hosts, no missing, no provide"),
        ("rackhosts:NoProvider", "has no destroy, no makes_hosts, no missing;"),
    ],
)
def test_what_a_package_registered_is_looked_at_before_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marker: Path, value: str, wrong: str
) -> None:
    install_rack(tmp_path, monkeypatch, rack=value)
    with pytest.raises(SpecError, match=wrong):
        host_provider(cluster("rack", marker=str(marker)))
    assert not marker.exists()


@pytest.mark.parametrize("value", ["nowhere.at.all:Rack", "rackhosts:Shelf", "rackhosts:Rack.no.such"])
def test_a_provider_that_cannot_be_imported_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    install_rack(tmp_path, monkeypatch, rack=value)
    with pytest.raises(SpecError, match=rf"spec\.hosts\.provider: `rack` cannot be used: {re.escape(value)} cannot"):
        host_provider(cluster("rack"))


def test_two_packages_with_one_name_are_told_apart_by_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_rack(tmp_path, monkeypatch, rack="rackhosts:Rack")
    install_rack(tmp_path, monkeypatch, "otherhosts", rack="otherhosts:Rack")
    with pytest.raises(SpecError, match="in otherhosts, rackhosts; uninstall all but one"):
        host_provider(cluster("rack"))


def test_no_package_takes_the_place_of_a_provider_of_windlass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_rack(tmp_path, monkeypatch, static="rackhosts:Rack")
    assert isinstance(host_provider(cluster("static")), StaticProvider)


@pytest.mark.parametrize("name", ["rackhosts:Rack", "rackhosts.Rack", "rackhosts", "libclouds", ""])
def test_what_is_no_name_of_a_provider_says_which_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    install_rack(tmp_path, monkeypatch, rack="rackhosts:Rack")
    with pytest.raises(SpecError, match=f"`{name}` is no entry point .*`rack` installed.*install the package"):
        host_provider(cluster(name))


def test_every_part_of_the_contract_is_looked_for() -> None:
    assert installed._PARTS == ("destroy", "makes_hosts", "missing", "provide")
    assert installed._METHODS == ("destroy", "missing", "provide")
    for ours in (StaticProvider, Ec2Provider, LibcloudProvider):
        checked: type[HostProvider] = ours
        assert installed._wrong_class(checked) is None
