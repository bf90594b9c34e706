"""The wheel, built from the sources, in an environment that has Windlass by it alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]
FOLDERS = {
    "dags": "windlass/dags",
    "include": "windlass/include",
    "lab/image": "windlass_lab/recipes/image",
    "lab/vm": "windlass_lab/recipes/vm",
    "lab/windlass_lab": "windlass_lab",
    "plugins/windlass": "windlass",
}
"""What stands where in a checkout, and where in the wheel."""
BUNDLES = [{"name": "windlass", "classpath": "windlass.airflow.dag_bundle.WindlassDagBundle", "kwargs": {}}]

# Runs in the environment: what Airflow makes of the package, and what its page says.
PROBE = """
import json, warnings
warnings.simplefilter("ignore")
from airflow import plugins_manager
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag
from fastapi import FastAPI
from fastapi.testclient import TestClient
from windlass.effects.store import MemoryStore
from windlass.web import access, needs

create_auth_manager()
plugins, errors = plugins_manager._get_plugins()
(plugin,) = [one for one in plugins if one.name == "windlass"]
(pages,) = plugin.fastapi_apps
pages["app"].dependency_overrides |= {
    needs.store: lambda: MemoryStore(), needs.keys: lambda: None, access.reader: lambda: None,
    get_user: lambda: SimpleAuthManagerUser(username="a", role="admin"),
}
server = FastAPI()
server.mount(pages["url_prefix"], pages["app"])
client = TestClient(server)
bundle = DagBundlesManager().get_bundle("windlass")
bag = DagBag(str(bundle.path), load_op_links=False)
print("RESULT " + json.dumps({
    "plugin_errors": errors,
    "guards": [one["name"] for one in plugin.fastapi_root_middlewares],
    "page": client.get("/windlass/").text,
    "style": client.get("/windlass/static/windlass.css").status_code,
    "dags": sorted(bag.dags),
    "dag_errors": bag.import_errors,
    "folder": str(bundle.path),
}))
"""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, in a folder where nothing of the checkout is."""

    folder: Path

    def run(self, *words: str, **variables: str) -> str:
        """Return what a program of the environment prints; it has nothing of this process's Python."""
        kept = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "AIRFLOW_HOME": str(self.folder / "home")}
        quiet = {"AIRFLOW__CORE__LOAD_EXAMPLES": "False", "WINDLASS_CACHE": str(self.folder / "cache")}
        argv = [str(self.folder / "bin" / words[0]), *words[1:]]
        done = subprocess.run(
            argv, env={**kept, **quiet, **variables}, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("plugins", "lab", "include", "dags"):
        shutil.copytree(PROJECT / name, folder / "source" / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, folder / "source")
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*argv, "--wheel-dir", str(folder), str(folder / "source")], check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A new environment. What Windlass needs it finds where these tests do, but not the checkout that is linked."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    here = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    needed = folder / "needed"
    needed.mkdir()
    for one in Path(sysconfig.get_path("purelib")).iterdir():
        if not one.name.startswith(("windlass", "__editable__")):
            (needed / one.name).symlink_to(one)
    (here / "needed.pth").write_text(f"{needed}\n")
    argv = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*argv, "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True, capture_output=True)
    return Installed(folder)


@pytest.fixture(scope="module")
def found(installed: Installed) -> Mapping[str, Any]:
    bundles = json.dumps(BUNDLES)
    printed = installed.run("python", "-c", PROBE, AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=bundles)
    lines = [line for line in printed.splitlines() if line.startswith("RESULT ")]
    result: dict[str, Any] = json.loads(lines[-1].removeprefix("RESULT "))
    return result


def test_the_wheel_has_all_that_the_checkout_has_for_it_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        packed = {name for name in opened.namelist() if ".dist-info/" not in name}

    assert packed == {
        f"{within}/{path.relative_to(PROJECT / folder).as_posix()}"
        for folder, within in FOLDERS.items()
        for path in (PROJECT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_its_metadata_say_the_licence_and_that_a_laptop_needs_no_airflow(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        text = opened.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
    head = text.partition("\n\n")[0].splitlines()

    assert "License-Expression: Apache-2.0" in head
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert 'Requires-Dist: apache-airflow<4,>=3.3; extra == "airflow"' in head
    needed = {line.split()[1] for line in head if line.startswith("Requires-Dist") and "extra" not in line}
    assert needed == {"croniter", "cryptography", "httpx", "jinja2", "pydantic>=2", "pyyaml"}


def test_airflow_lists_it_as_a_provider(installed: Installed) -> None:
    listed = json.loads(installed.run("python", "-m", "airflow", "providers", "list", "--output", "json"))

    assert [one["version"] for one in listed if one["package_name"] == "windlass"] == ["0.1.0"]


def test_airflow_loads_its_plugin_and_every_dag(found: Mapping[str, Any], installed: Installed) -> None:
    assert found["plugin_errors"] == found["dag_errors"] == {}
    assert found["guards"] == ["windlass"]
    assert Path(found["folder"]).is_relative_to(installed.folder)
    assert set(found["dags"]) >= {file.stem for file in (PROJECT / "dags").glob("*.py")}


def test_it_renders_a_page(found: Mapping[str, Any]) -> None:
    assert "<title>" in found["page"]
    assert found["style"] == 200


def test_the_command_shows_the_catalog_and_where_the_dags_are(installed: Installed) -> None:
    releases = {path.parent.name for path in (PROJECT / "include/templates/kubernetes").glob("v*/catalog.yaml")}

    assert {one["version"] for one in json.loads(installed.run("windlass", "catalog", "list", "--json"))} == releases
    folder = Path(installed.run("windlass", "airflow", "dags").strip())
    assert folder.is_relative_to(installed.folder)
    assert (folder / "apply_cluster.py").is_file()
