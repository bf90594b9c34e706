"""What a vantage host says of the cluster's objects. Part of the probe loop (`loop`): any Python from 3.7 on."""

from __future__ import annotations

from typing import Any

from windlass.effects.probe import host_report

WORKLOADS = ("Deployment", "DaemonSet")
FULL_ROUND = 4
"""Workloads are asked for at each look, all other kinds at every so manieth."""
MOST_NAMED = 5


class ObjectWatch:
    """Which objects are expected, and how they were found at the last look."""

    def __init__(self) -> None:
        self._expected: dict[str, list[tuple[str, str, str]]] = {}
        self._found: dict[str, dict[str, tuple[int, int]]] = {}
        self._round = 0

    def expect(self, addon: str, path: str, kind: str, name: str) -> None:
        """Learn of an object of `addon`, and of the path by which those of its kind are listed."""
        self._expected.setdefault(path, []).append((addon, kind, name))

    def look(self, address: str, port: int, not_ready: int) -> dict[str, str]:
        """Return the state of each add-on that all is known of: nodes that are not ready, what is missing or short."""
        for path, expected in self._expected.items():
            if self._round % FULL_ROUND == 0 or expected[0][1] in WORKLOADS:
                rows = host_report.table(address, port, path + "&includeObject=Metadata")
                if rows is None:
                    self._found.pop(path, None)
                else:
                    self._found[path] = {name_of(row): counts(row) for row in rows}
        self._round += 1
        said: dict[str, list[str]] = {}
        unknown = set()
        for path, expected in self._expected.items():
            for addon, kind, name in expected:
                lines = said.setdefault(addon, [])
                if path not in self._found:
                    unknown.add(addon)
                elif name not in self._found[path]:
                    lines.append(f"missing {kind} {name}")
                elif kind in WORKLOADS and self._found[path][name][1] < self._found[path][name][0]:
                    lines.append("short {} {} {} {}".format(kind, name, *self._found[path][name]))
        return {
            addon: "|".join([str(not_ready), *lines[:MOST_NAMED]])
            for addon, lines in said.items()
            if addon not in unknown
        }

    def forget(self) -> None:
        """Let the next look be a full one."""
        self._round = 0
        self._found.clear()


def name_of(row: dict[str, Any]) -> str:
    """Return the namespace and name of a table's row."""
    metadata = row["object"]["metadata"]
    namespace = metadata.get("namespace")
    name: str = metadata["name"]
    return f"{namespace}/{name}" if namespace else name


def counts(row: dict[str, Any]) -> tuple[int, int]:
    """Return how many pods a workload should have and how many are available; of another kind, nothing that counts."""
    cells = row["named"]
    try:
        if "Desired" in cells:
            return int(cells["Desired"]), int(cells["Available"])
        return int(str(cells["Ready"]).rpartition("/")[2]), int(cells["Available"])
    except (KeyError, ValueError, TypeError, OverflowError):  # JSON that Python reads has Infinity
        return 0, 0
