"""The stacks that come along: who is the primary, who may log in, and where the password stands."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from unit.rendering.conftest import Rendering, make_cluster
from windlass.domain.catalog import Catalog
from windlass.domain.health.checks import CheckReader
from windlass.domain.rendering import host_directories
from windlass.domain.spec.references import RevealedText, with_values
from windlass.domain.spec.settled import settled
from windlass.errors import SpecError

ROLES = {"cp-1": ["etcd", "control-plane"], "w-1": ["worker"], "w-2": ["worker"]}
WORD = 'a "b\\ c:x7'
REFERENCE = {"fromVariable": "windlass_secret_word"}


def rendering(catalog: Catalog, name: str, /, placed: tuple[str, ...] = ("w-2", "w-1"), **values: Any) -> Rendering:
    stack = {"name": name, "scale": len(placed), "placed": list(placed), "values": values}
    cluster = settled(make_cluster(ROLES, stacks=[stack]), None, catalog.stacks)
    return Rendering(with_values(cluster, lambda _: RevealedText(WORD), "stacks"), catalog.release("v1.37.2"))


def files(found: Rendering, host: str, stack: str) -> dict[str, str]:
    prefix = f"/etc/windlass/stacks/{stack}/"
    return {path.removeprefix(prefix): file.text for path, file in found.host(host).items() if path.startswith(prefix)}


@pytest.mark.parametrize("name", ["registry", "redis", "postgresql"])
def test_it_is_watched_from_other_hosts_and_keeps_its_data_below_a_directory_of_its_own(
    catalog: Catalog, name: str
) -> None:
    found = rendering(catalog, name, ("w-1",), password=REFERENCE)
    plan = CheckReader().plan(found.cluster, found.release)
    (check,) = [one for one in plan.checks if one.subject.component == name]
    assert check.subject.host == "w-1"
    assert set(check.vantages) <= {"cp-1", "w-2"}
    assert check.vantages
    assert f"/var/lib/windlass/stacks/{name}" in {
        one.path for one in host_directories(found.cluster, found.member("w-1"))
    }
    service = yaml.safe_load(files(found, "w-1", name)["compose.yaml"])["services"][name]
    writable = [one["source"] for one in service["volumes"] if not one.get("read_only")]
    assert writable == [f"/var/lib/windlass/stacks/{name}"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("registry", {"config.yml"}),
        ("redis", {"redis.conf", "password"}),
        ("postgresql", {"pgpass", "password"}),
    ],
)
def test_its_password_is_roots_alone_and_on_no_command_line(catalog: Catalog, name: str, places: set[str]) -> None:
    more = {"username": "me"} if name == "registry" else {}
    found = rendering(catalog, name, ("w-1",), password=REFERENCE, **more)
    of_it = {path: file for path, file in found.host("w-1").items() if f"/stacks/{name}/" in path}
    assert {file.mode for file in of_it.values()} == {0o600}
    holders = {path.rpartition("/")[2] for path, file in of_it.items() if WORD[-4:] in file.text.replace("\\:", ":")}
    assert holders == places


def test_the_primary_is_who_has_run_it_longest_unless_the_spec_names_another(catalog: Catalog) -> None:
    found = rendering(catalog, "postgresql", password=REFERENCE)
    begins = "me=192.0.2.13 primary=192.0.2.13 first=192.0.2.13\npeers='192.0.2.12'"
    assert begins in files(found, "w-2", "postgresql")["run.sh"]
    follower = files(found, "w-1", "postgresql")
    assert "me=192.0.2.12 primary=192.0.2.13" in follower["run.sh"]
    assert "host=192.0.2.13 port=5432 target_session_attrs=primary" in follower["postgresql.conf"]
    assert "host all,replication postgres 192.0.2.13/32 scram-sha-256" in follower["pg_hba.conf"]

    named = rendering(catalog, "postgresql", password=REFERENCE, primary="w-1")
    assert "me=192.0.2.12 primary=192.0.2.12 first=192.0.2.13" in files(named, "w-1", "postgresql")["run.sh"]

    copies = rendering(catalog, "redis", password=REFERENCE)
    assert "replicaof 192.0.2.13 6379" in files(copies, "w-1", "redis")["redis.conf"]
    assert "replicaof" not in files(copies, "w-2", "redis")["redis.conf"]


@pytest.mark.parametrize("name", ["redis", "postgresql"])
def test_a_primary_that_does_not_run_it_is_refused(catalog: Catalog, name: str) -> None:
    with pytest.raises(SpecError, match=r"values\.primary: `cp-1` does not run it; name one of w-2, w-1"):
        rendering(catalog, name, password=REFERENCE, primary="cp-1").host("w-1")


def test_a_registry_without_another_before_it_takes_pushes(catalog: Catalog) -> None:
    cache, own = (rendering(catalog, "registry", ("w-1",), upstream=url) for url in ("https://r.example.com", ""))
    assert yaml.safe_load(files(cache, "w-1", "registry")["config.yml"])["proxy"] == {
        "remoteurl": "https://r.example.com",
        "ttl": "168h",
    }
    assert "proxy" not in yaml.safe_load(files(own, "w-1", "registry")["config.yml"])


def test_further_lines_stand_in_the_configuration_as_they_are(catalog: Catalog) -> None:
    found = rendering(catalog, "postgresql", ("w-1",), password=REFERENCE, parameters="work_mem = '8MB'\nssl = on")
    assert files(found, "w-1", "postgresql")["postgresql.conf"].endswith("work_mem = '8MB'\nssl = on\n")
