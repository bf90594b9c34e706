"""Write the pages of docs/reference: what code says is said there by the code. `python -m tools.docs.reference`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tools.docs.commands_page import commands_page
from tools.docs.host_page import host_page
from tools.docs.metrics_page import metrics_page
from tools.docs.params_page import all_dags, params_page
from tools.docs.site import ROOT

FOLDER = ROOT / "docs" / "reference"
QUICK = {"commands.md": commands_page, "host.md": host_page, "metrics.md": metrics_page}
"""The pages that do without Airflow."""
PARAMS = "params.md"


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in QUICK.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as home:
        os.environ["AIRFLOW_HOME"] = str(Path(home))  # Airflow writes its settings there as it is loaded
        (FOLDER / PARAMS).write_text(params_page(all_dags()), encoding="utf-8")


if __name__ == "__main__":
    main()
