from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from packages import install
from windlass.cli.main import main
from windlass.effects.catalog import load_drivers
from windlass.effects.packaged import catalog_directory


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    for version in ("v1.36.3", "v1.37.2"):
        (tmp_path / "catalog" / version).mkdir(parents=True)
        (tmp_path / "catalog" / version / "catalog.yaml").touch()
    return tmp_path / "catalog"


def write(path: Path, document: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return str(path)


def test_a_valid_file_is_summed_up(
    document: dict[str, Any], tmp_path: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "demo.yaml", document)

    assert main(["spec", "validate", "--catalog", str(catalog), file]) == 0

    assert "cluster demo, Kubernetes v1.37.2, overlapping: 3 etcd, 3 control-plane, 1 worker" in capsys.readouterr().out


def test_releases_of_ones_own_need_no_drivers_beside_them(catalog: Path) -> None:
    assert load_drivers(catalog) == load_drivers(catalog_directory())


def test_what_is_wrong_in_any_of_the_files_is_printed_and_the_exit_code_is_2(
    document: dict[str, Any], tmp_path: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write(tmp_path / "good.yaml", document)
    document["metadata"]["name"] = "other"
    document["spec"]["kubernetes"]["version"] = "v1.0.0"
    bad = write(tmp_path / "bad.yaml", document)

    assert main(["spec", "validate", "--catalog", str(catalog), good, bad]) == 2

    told = capsys.readouterr().err
    assert f"{bad}:7: spec.kubernetes.version: the catalog has no Kubernetes `v1.0.0`" in told
    assert f"{bad}:11: spec.hosts.members[0].address: 192.0.2.11 is the host `cp-1` of the cluster `demo`" in told


def test_two_files_for_one_cluster_are_refused(
    document: dict[str, Any], tmp_path: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [write(tmp_path / name, document) for name in ("a.yaml", "b.yaml")]

    assert main(["spec", "validate", "--catalog", str(catalog), *files]) == 2

    assert f"`demo` is also in {files[0]}" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", "validate", str(tmp_path / "none.yaml")]) == 2

    assert "none.yaml: cannot be read" in capsys.readouterr().err


def test_prints_the_schema_and_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Cluster"

    assert main(["spec", "schema", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("# Cluster spec")


def test_a_provider_must_be_installed_where_the_command_is(
    document: dict[str, Any], tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document["spec"]["hosts"]["provider"] = "rack"
    file = write(tmp_path / "demo.yaml", document)
    assert main(["spec", "validate", "--catalog", str(catalog), file]) == 2

    entries = {"rack": "rackhosts:Rack"}
    install(
        tmp_path / "site", monkeypatch, "rackhosts", group="windlass.host_providers", entries=entries, code="1 / 0\n"
    )
    assert main(["spec", "validate", "--catalog", str(catalog), file]) == 0


def test_a_stack_that_the_catalog_does_not_have_is_told_with_its_line(
    document: dict[str, Any], tmp_path: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document["spec"]["stacks"] = [{"name": "edge"}]
    file = write(tmp_path / "demo.yaml", document)
    line = next(number for number, text in enumerate(Path(file).read_text().splitlines(), 1) if "edge" in text)

    assert main(["spec", "validate", "--catalog", str(catalog), file]) == 2

    assert f"{file}:{line}: spec.stacks[0].name: the catalog has no stack `edge`" in capsys.readouterr().err
