"""DAG ids, paths, ports and labels written out where they are not at home, and class names given twice."""

from __future__ import annotations

import pytest
from tools.house.class_names import check_class_names
from tools.house.layout import HOME as LAYOUT
from tools.house.layout import check_layout
from tools.house.operations import HOME as OPERATIONS
from tools.house.operations import check_operations

from unit.house.samples import source

DAGS = ("heal_cluster", "upgrade_cluster")
LAYOUT_SOURCE = source('API_PORT = 6443\nETC = "/etc/windlass"\nDIGEST = "io.windlass.digest"\nCRASHES = 5\n', LAYOUT)


@pytest.mark.parametrize(
    "code",
    ['HEAL = "heal_cluster"', 'text = f"{name}: trigger `upgrade_cluster` again"', 'known = {"heal_cluster": 1}'],
)
def test_a_dag_id_in_the_domain_is_found(code: str) -> None:
    result = check_operations([source(code)], DAGS)

    assert result.figure == "DAG ids in the domain 1, elsewhere 0"
    assert result.broken[0].startswith("plugins/windlass/domain/sample.py:1: the DAG id `")


def test_a_dag_id_written_out_in_another_room_counts_apart() -> None:
    result = check_operations([source('DAG = "heal_cluster"', "plugins/windlass/cli/upgrade.py")], DAGS)

    assert result.figure == "DAG ids in the domain 0, elsewhere 1"


def test_docstrings_names_of_functions_and_the_one_home_may_have_dag_ids() -> None:
    code = '''
        """What heal_cluster does."""

        __all__ = ["heal_cluster"]

        TEXT = "heal_clusters"
        """Not heal_cluster."""

        def heal_cluster() -> None:
            """Do heal_cluster."""
    '''
    home = source('HEAL = "heal_cluster"', OPERATIONS)

    assert check_operations([source(code), home], DAGS).broken == []


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("port = 6443", "the port 6443"),
        ('LABEL = "io.windlass.digest"', "the label `io.windlass…`"),
        ('text = f"{name}: no room below /var/lib/windlass"', "the path `/var/lib/windlass…`"),
        ('UNIT = "/etc/systemd/system/kubelet.service"', "the path `/etc/systemd/…`"),
    ],
)
def test_a_path_a_port_or_a_label_outside_the_layout_is_found(code: str, what: str) -> None:
    assert [line.split(" is written out")[0] for line in check_layout([LAYOUT_SOURCE, source(code)]).broken] == [
        f"plugins/windlass/domain/sample.py:1: {what}"
    ]


def test_other_numbers_other_paths_and_the_layout_itself_are_left_alone() -> None:
    code = 'CRASHES, WIDE = 5, True\nBASE = "/var/lib/windlass-airflow"\nAPI = "windlass/v1"\n'

    assert check_layout([LAYOUT_SOURCE, source(code)]).broken == []


def test_scripts_may_spell_paths_but_no_labels() -> None:
    code = 'TEXT = "rm -rf /etc/windlass; docker ps --filter label=io.windlass.cluster"'
    script = source(code, "plugins/windlass/domain/scripts/uninstall.py")

    assert [line.split(": ")[1].split(" is")[0] for line in check_layout([LAYOUT_SOURCE, script]).broken] == [
        "the label `io.windlass…`"
    ]


def test_two_public_classes_of_one_name_are_found() -> None:
    first, second = source("class Report: ...\n", "a.py"), source("x = 1\nclass Report: ...\n", "b.py")

    result = check_class_names([first, second])

    assert result.figure == "class names with two meanings 1"
    assert result.broken == ["a.py:1, b.py:2: 2 classes are called Report"]


def test_private_classes_may_share_a_name() -> None:
    assert check_class_names([source("class _Form: ...\n", "a.py"), source("class _Form: ...\n", "b.py")]).broken == []
