"""Airflow's plugin loader runs every module below plugins/ under its bare name, unless .airflowignore stops it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"

# Runs in a fresh interpreter: loads plugins as every process of Airflow does, then looks at what that imported.
PROBE = """
import json, sys
from pathlib import Path
folder = Path(sys.argv[1])
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
bare = sorted(
    name for name, module in list(sys.modules.items())
    if (origin := getattr(getattr(module, "__spec__", None), "origin", None))
    and (folder / "windlass") in Path(origin).parents and name.split(".")[0] != "windlass"
)
print("RESULT " + json.dumps({"bare": bare, "errors": errors, "plugins": [plugin.name for plugin in plugins]}))
"""


@dataclass(frozen=True)
class Loaded:
    bare: list[str]
    errors: dict[str, str]
    plugins: list[str]


def load_plugins(folder: Path, home: Path) -> Loaded:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    argv = [sys.executable, "-P", "-c", PROBE, str(folder)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stderr
    return Loaded(**json.loads(lines[-1].removeprefix("RESULT ")))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The plugin, the ignore file and one layer of the package, in a folder that a test may change."""
    target = tmp_path / "plugins"
    (target / "windlass").mkdir(parents=True)
    for name in (".airflowignore", "windlass_plugin.py", "windlass/__init__.py", "windlass/errors.py"):
        shutil.copy(PLUGINS / name, target / name)
    shutil.copytree(PLUGINS / "windlass/domain/pki", target / "windlass/domain/pki")
    return target


def test_the_package_is_not_imported_under_bare_names(tmp_path: Path) -> None:
    loaded = load_plugins(PLUGINS, tmp_path)

    assert loaded.bare == []
    assert loaded.errors == {}
    assert loaded.plugins.count("windlass") == 1


def test_the_ignore_file_is_what_keeps_the_package_out(copy: Path, tmp_path: Path) -> None:
    assert load_plugins(copy, tmp_path / "home").bare == []

    (copy / ".airflowignore").unlink()

    assert "errors" in load_plugins(copy, tmp_path / "home").bare


def test_loading_the_plugin_imports_no_other_layer() -> None:
    """Every task imports the plugin: what it draws in is paid for each time."""
    script = (
        "import airflow.plugins_manager, json, sys; before = set(sys.modules); import windlass_plugin; "
        "print(json.dumps(sorted(name for name in set(sys.modules) - before if not name.startswith('airflow'))))"
    )
    argv = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(argv, cwd=PLUGINS, capture_output=True, text=True, check=True, timeout=120)

    assert json.loads(done.stdout.splitlines()[-1]) == ["windlass_plugin"]
