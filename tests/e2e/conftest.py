"""One ground for all end-to-end tests, and their order: what makes the cluster first, what takes it away last.

WINDLASS_TEST_KEEP=1 leaves lab and Airflow up at the end, and finds them the next time; WINDLASS_TEST_NAME names them,
so that several can stand side by side.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.ground import VERSION, Ground, stand
from e2e.leaks import CommandLines
from e2e.standing import empty_ground, ensure_cluster
from e2e.upgrading import OLD
from windlass.domain.catalog.tested import DRIVERS_PROPERTY, RELEASE_PROPERTY
from windlass.domain.spec import load_cluster
from windlass.domain.spec.drivers import driver_choices

KEEP = os.environ.get("WINDLASS_TEST_KEEP") == "1"
NAME = os.environ.get("WINDLASS_TEST_NAME", "e2e")
ORDER = (
    "test_tutorial",  # its Airflow has to be the only one on this machine
    "test_create",
    "test_secrets",
    "test_audit",
    "test_apply",
    "test_store",
    "test_two_runs",
    "test_change",
    "test_api_server",
    "test_health",
    "test_heal",
    "test_backup",
    "test_drill",
    "test_restore_objects",
    "test_backup_cases",
    "test_members",
    "test_people",
    "test_laptop",
    "test_two_people",
    "test_secret_references",
    "test_rotation",
    "test_ended",
    "test_recovery",
    "test_recovery_cases",
    "test_delete",
    "test_production",
    "test_form",
    "test_rehearsal",
    "test_upgrade",
    "test_heal_faults",
    "test_soak",
    "test_faults_before",
    "test_faults_during",
    "test_topologies",
    "test_choices",
    "test_network",
    "test_routers",
    "test_monitoring",
    "test_change_objects",
    "test_node_settings",
    "test_change_cases",
    "test_change_replaced",
    "test_change_planes",
    "test_upgrade_faults",
    "test_families",
    "test_bare_hosts",
    "test_virtual_address",
    "test_stacks",
    "test_real_machine",
)
UPGRADING = ("test_rehearsal", "test_upgrade", "test_upgrade_faults")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules of this directory into their order; those of other directories stay where they are."""
    here = Path(__file__).parent
    mine = [item for item in items if item.path.parent == here]
    ordered = iter(sorted(mine, key=lambda item: ORDER.index(item.path.stem)))
    items[:] = [next(ordered) if item.path.parent == here else item for item in items]
    for item in mine:
        item.add_marker(pytest.mark.lab)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(1800))
        # `windlass catalog verify --results` counts for each release the tests that ran on it.
        item.user_properties.append((RELEASE_PROPERTY, " ".join(_releases_of(item))))


def _releases_of(item: pytest.Item) -> list[str]:
    """Name the releases that a test runs on."""
    if item.path.stem in UPGRADING:
        return [OLD, VERSION]
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return [parameters.get("release", VERSION)]


@pytest.fixture(autouse=True)
def _drivers_are_told(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tell in the report with which drivers a test ran: those of the cluster that it leaves behind."""
    ground: Ground | None = request.getfixturevalue("ground") if "ground" in request.fixturenames else None
    yield
    stored = ground.records.spec() if ground is not None else None
    if stored is not None:
        choices = driver_choices(load_cluster(stored, "stored spec"))
        names = " ".join(f"{one.slot}/{one.name}" for one in choices)
        request.node.user_properties.append((DRIVERS_PROPERTY, names))


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """The lab and the Airflow of all tests here."""
    with stand(NAME if KEEP else f"{NAME}-{os.getpid()}", keep=KEEP) as made:
        yield made


@pytest.fixture
def bare(ground: Ground) -> Ground:
    """The ground without a cluster on it."""
    empty_ground(ground)
    return ground


@pytest.fixture
def cluster(ground: Ground) -> Ground:
    """The ground with the cluster of 3 + 1 hosts on it, as `test_create` leaves it, whatever a test before broke."""
    ensure_cluster(ground)
    return ground


@pytest.fixture(scope="session")
def command_lines() -> CommandLines:
    """The command lines that were seen while a cluster was created."""
    return CommandLines()
