"""The DAG files and the pages know operations by the names of the one enum."""

from __future__ import annotations

import re
from pathlib import Path

from windlass.operation_names import Operation

ROOT = Path(__file__).parents[3]
NAMES = {str(operation) for operation in Operation}


def test_each_operation_has_its_dag_file_and_each_file_its_operation() -> None:
    assert {path.stem for path in (ROOT / "dags").glob("*.py")} == NAMES


def test_each_dag_file_takes_its_id_from_the_enum() -> None:
    for path in (ROOT / "dags").glob("*.py"):
        assert re.findall(r"dag_id=(\S+),", path.read_text()) == [f"Operation.{Operation(path.stem).name}"]


def test_pages_start_and_link_operations_that_there_are() -> None:
    web = ROOT / "plugins/windlass/web"
    files = [*(web / "templates").glob("*.html"), *(web / "static").glob("*.js")]

    named = re.findall(
        r'data-run="(\w+)"|/dags/(\w+)"|operation == "(\w+)"|startRun\("(\w+)"|<code>(\w+_\w+)</code>',
        "".join(path.read_text() for path in files),
    )

    found = {name for groups in named for name in groups if name}
    assert found <= NAMES
    assert {"pause_upgrade", "upgrade_cluster", "apply_cluster"} <= found
