from __future__ import annotations

from typing import Any

from windlass.domain.objects.drift import ObjectDrift, field_differences, object_drift
from windlass.domain.objects.inventory import ObjectRef

REF = ObjectRef("apps/v1", "Deployment", "mine", "web", "own/mine")


def test_what_may_be_secret_in_any_object_is_masked_and_all_fields_are_among_the_details() -> None:
    def deployment(number: int) -> dict[str, Any]:
        env = [{"name": "DB_PASSWORD", "value": f"sesame-{number}"}, {"name": "MODE", "value": f"mode-{number}"}]
        container = {"name": "web", "env": env, "args": [f"--token=sesame-{number}", f"--v={number}"]}
        data = {"url": f"https://me:sesame-{number}@192.0.2.1", "apiKey": f"sesame-{number}", "list": [number] * 90}
        return {"metadata": {"name": "web"}, "spec": {"containers": [container]}, "data": data}

    found = ObjectDrift(REF, "differs", tuple(field_differences(deployment(1), deployment(2))))

    assert "sesame" not in str(found)
    assert not any("sesame" in line for line in found.details)
    assert "spec.containers.web.env.MODE.value: mode-1 -> mode-2" in found.details
    assert "spec.containers.web.env.DB_PASSWORD.value: (secret) -> (secret)" in found.details
    assert len(found.details) == len(found.fields) == 6


def test_a_drift_whose_line_tells_all_of_it_has_no_details() -> None:
    found = ObjectDrift(REF, "differs", tuple(field_differences({"a": 1, "b": 2}, {"a": 2, "b": 3})))
    assert str(found).endswith("differs: a: 1 -> 2; b: 2 -> 3")
    assert found.details == ()


def test_texts_of_the_users_own_objects_are_told_by_fingerprint_alone() -> None:
    def config(text: str, number: int, image: str) -> dict[str, Any]:
        spec = {"replicas": number, "paused": number > 1, "containers": [{"name": "web", "image": image, "note": text}]}
        data = {"mode": text, "nested": {"deep": [text]}}
        return {"metadata": {"name": "web", "annotations": {"note": text}}, "data": data, "spec": spec}

    old, new = config("private-1", 1, "web:1"), config("private-2", 2, "web:2")
    old["added"], new["more"] = {"a": "private-1"}, {"b": ["private-2", 3]}

    found = object_drift(REF, old, new, lambda text: f"<{len(text)}>")

    assert found is not None
    assert "private" not in "".join([str(found), *found.details])
    assert {str(one) for one in found.fields} >= {
        "spec.replicas: 1 -> 2",
        "spec.paused: false -> true",
        "spec.containers.web.image: web:1 -> web:2",
        "data.mode: text <9> -> text <9>",
    }
    ours = ObjectRef("v1", "ConfigMap", "kube-system", "coredns", "dns")
    shown = object_drift(ours, old, new)
    assert shown is not None
    assert "data.mode: private-1 -> private-2" in map(str, shown.fields)
