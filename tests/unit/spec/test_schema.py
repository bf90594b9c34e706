from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from windlass.domain.spec import load_cluster, topology
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.schema import json_schema_text, reference_markdown

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "include" / "clusters").glob("*.yaml"))
SCHEMA: dict[str, Any] = json.loads(json_schema_text())


def settings(node: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property of the schema that has a default."""
    if isinstance(node, dict):
        for key, child in node.get("properties", {}).items():
            if "default" in child:
                yield f"{name}.{key}", child
        for key, child in node.items():
            yield from settings(child, key if key not in {"properties", "items"} else name)


def test_every_default_is_written_in_the_description() -> None:
    found = dict(settings(SCHEMA))

    assert len(found) > 80
    for name, node in found.items():
        assert f"Default: {json.dumps(node['default'])}" in node["description"], name


def test_every_default_of_the_schema_is_the_one_that_the_models_use(document: dict[str, Any]) -> None:
    filled = Cluster.model_validate(document).model_dump(mode="json", by_alias=True)["spec"]

    for section, values in filled.items():
        node = SCHEMA["$defs"]["ClusterSpec"]["properties"][section]
        if not (set(node) >= {"$ref", "default"}):
            continue
        properties = SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[1]]["properties"]
        plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
        assert plain == {key: properties[key]["default"] for key in plain}, section


def test_everything_in_the_schema_is_described_and_nothing_else_is_allowed() -> None:
    for name, node in SCHEMA["$defs"].items():
        assert node["additionalProperties"] is False, name
        for key, child in node["properties"].items():
            # A section may leave its description to what it refers to.
            target = SCHEMA["$defs"][child["$ref"].rsplit("/", 1)[1]] if "$ref" in child else {}
            assert child.get("description") or target.get("description"), f"{name}.{key}"


def test_the_published_schema_and_reference_are_those_of_the_models() -> None:
    advice = "run `windlass spec schema > docs/cluster.schema.json; windlass spec schema --markdown > docs/spec.md`"

    assert (ROOT / "docs" / "cluster.schema.json").read_text() == json_schema_text(), advice
    assert (ROOT / "docs" / "spec.md").read_text() == reference_markdown(), advice


def test_the_schema_is_a_valid_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_there_is_an_example_for_each_topology() -> None:
    found = {path.stem: topology(load_cluster(path.read_text(), path.name)) for path in EXAMPLES}

    assert found == {
        "dual-stack": "overlapping",
        "ha-3-1": "overlapping",
        "overlapping": "overlapping",
        "separate": "separate",
        "standalone": "standalone",
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_fit_the_schema(path: Path) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(yaml.safe_load(path.read_text()))


def test_examples_do_not_share_hosts() -> None:
    clusters = [load_cluster(path.read_text(), path.name) for path in EXAMPLES]

    for path, cluster in zip(EXAMPLES, clusters, strict=True):
        load_cluster(path.read_text(), path.name, other_clusters=[other for other in clusters if other is not cluster])


def test_the_schema_refuses_what_the_models_refuse(document: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert validator.is_valid(document)

    document["spec"]["etcd"] = {"allow_even": True}

    assert not validator.is_valid(document)


def test_the_reference_names_every_key() -> None:
    page = reference_markdown()

    for key in ("spec.hosts.members[].roles", "spec.components.NAME.extraArgs", "spec.hosts.ssh.bastion.address"):
        assert f"| `{key}` |" in page
