"""Write kubelet.json beside each release's catalog.yaml: `python -m tools.kubelet_keys`.

It reads the source of the type from Go's module cache, where `windlass mirror --from modules` has put it, or fetches
the module k8s.io/kubelet by `go mod download`.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from windlass.domain.catalog.kubelet_keys import KUBELET_FILE, keys_text, parse_type

CATALOG = Path(__file__).parents[2] / "include" / "templates" / "kubernetes"


def main() -> None:
    """Write the record of each release that differs."""
    for catalog in sorted(CATALOG.glob("v*/catalog.yaml")):
        module = f"k8s.io/kubelet@v0.{catalog.parent.name.partition('.')[2]}"
        source = _directory(module) / "config" / "v1beta1" / "types.go"
        text, record = keys_text(parse_type(source.read_text(encoding="utf-8"))), catalog.with_name(KUBELET_FILE)
        if not record.exists() or record.read_text(encoding="utf-8") != text:
            record.write_text(text, encoding="utf-8")
            print(f"{record}: written")


def _directory(module: str) -> Path:
    """Return where the source of a module lies; Go checks it against its checksum database."""
    done = subprocess.run(["go", "mod", "download", "-json", module], check=True, capture_output=True, text=True)
    return Path(json.loads(done.stdout)["Dir"])


if __name__ == "__main__":
    main()
