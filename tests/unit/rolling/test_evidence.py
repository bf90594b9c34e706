from __future__ import annotations

from typing import Any

from windlass.operations.rolling.evidence import _free, ready_services


def slice_of(service: str | None, *endpoints: dict[str, Any]) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": service} if service else {}
    return {"metadata": {"name": "s", "namespace": "policy", "labels": labels}, "endpoints": list(endpoints) or None}


def test_a_service_is_where_its_ready_endpoints_are() -> None:
    slices = [
        slice_of("gate", {"nodeName": "w-1", "conditions": {"ready": True}}, {"nodeName": "w-2"}),
        slice_of("gate", {"nodeName": "w-3", "conditions": {"ready": False}}),
        slice_of("down", {"nodeName": "w-3", "conditions": {"ready": False}}),
        slice_of("empty"),
        slice_of(None, {"nodeName": "w-4"}),
    ]
    assert ready_services(slices) == {"policy/gate": frozenset({"w-1", "w-2"})}


def test_the_fullest_file_system_counts() -> None:
    assert _free({"/var/lib/windlass": 9, "/var/lib": 1, "/": 5}) == 1
    assert _free({}) == 0
