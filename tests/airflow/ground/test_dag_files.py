"""Every DAG file imports without errors, without the network, and wires only what may run."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

PROJECT = Path(__file__).resolve().parents[3]
FILES = sorted((PROJECT / "dags").glob("*.py"))


class NetworkUsedError(AssertionError):
    pass


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        self.close()
        raise NetworkUsedError(f"a connection to {address} was tried while a DAG file was imported")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


def read(folder: Path) -> DagBag:
    return DagBag(str(folder), load_op_links=False)


def test_the_guard_notices_a_file_that_uses_the_network(tmp_path: Path, no_network: None) -> None:
    (tmp_path / "dag.py").write_text("import socket  # airflow dag\nsocket.create_connection(('127.0.0.1', 9))\n")

    errors = read(tmp_path).import_errors

    assert [error for error in errors.values() if "NetworkUsedError" in error]


def test_all_dag_files_import_without_errors_and_without_network(no_network: None) -> None:
    bag = read(PROJECT / "dags")

    assert bag.import_errors == {}
    assert len(bag.dags) >= len(FILES)


def test_each_dag_is_named_as_its_file_tagged_and_described() -> None:
    bag = read(PROJECT / "dags")

    for file in FILES:
        dag = bag.dags[file.stem]
        assert "windlass" in dag.tags, file.stem
        assert dag.description, file.stem
        assert dag.catchup is False, file.stem
