"""Every process of Airflow loads the plugin: what it draws in is paid for each time."""

from __future__ import annotations

import json
import subprocess
import sys

PROBE = (
    "import airflow.plugins_manager, json, sys; before = set(sys.modules); import windlass.web.plugin; "
    "print(json.dumps(sorted(name for name in set(sys.modules) - before if not name.startswith('airflow'))))"
)


def test_loading_the_plugin_imports_no_other_layer() -> None:
    argv = [sys.executable, "-W", "error", "-c", PROBE]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)

    # What Airflow loads of an installed provider before, to know what it is, is not the plugin's.
    assert set(json.loads(done.stdout.splitlines()[-1])) - {"windlass"} == {"windlass.web", "windlass.web.plugin"}
