from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from windlass.domain.spec import Known, load_cluster, topology
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.published_schema import FORMS, json_schema_text
from windlass.domain.spec.schema import reference_markdown
from windlass.errors import SpecError

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "include" / "clusters").glob("*.yaml"))
SCHEMA: dict[str, Any] = json.loads(json_schema_text())
NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: team}}"
KNOWN = Known(versions=["v1.37.2"])


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


GOOD_AND_BAD: dict[str, tuple[str, object, object]] = {
    "Metadata.name": ("metadata.name", "prod-1", "Prod"),
    "Kubernetes.version": ("spec.kubernetes.version", "v1.37.2", "1.37"),
    "Hosts.provider": ("spec.hosts.provider", "rack", "my provider"),
    "Host.name": ("spec.hosts.members.0.name", "cp-1.rack", "CP_1"),
    "Host.address": ("spec.hosts.members.0.address", "192.0.2.19", "192.0.2.300"),
    "Host.privateAddress": ("spec.hosts.members.0.privateAddress", "192.0.2.19", "cp-1"),
    "Host.secondaryAddress": ("spec.hosts.members.0.secondaryAddress", None, "cp-1"),
    "Host.taints[]": ("spec.hosts.members.3.taints", ["gpu=yes:NoSchedule", "a.b/c:NoExecute"], ["gpu=yes"]),
    "Host.sysctls{}": ("spec.hosts.members.0.sysctls", {"net.core.somaxconn": "4096"}, {"somaxconn": "4096"}),
    "Api.endpoint": ("spec.api.endpoint", "[2001:db8::10]:6443", "https://k8s.example.com"),
    "Api.virtualAddress": ("spec.api.virtualAddress", "192.0.2.99", "k8s.example.com"),
    "Oidc.issuer": (
        "spec.api.oidc",
        [{"issuer": "https://id.example.com", "clientId": "k8s"}],
        [{"issuer": "http://id.example.com", "clientId": "k8s"}],
    ),
    "Network.podCidr": ("spec.network.podCidr", "10.32.0.0/16", "10.32.0.0"),
    "Network.serviceCidr": ("spec.network.serviceCidr", "10.97.0.0/16", "services"),
    "Network.podCidrs[]": ("spec.network.podCidrs", ["10.32.0.0/16"], ["10.32.0.0-10.33.0.0"]),
    "Network.serviceCidrs[]": ("spec.network.serviceCidrs", ["10.97.0.0/16"], ["10.97.0.0"]),
    "Network.clusterDomain": ("spec.network.clusterDomain", "prod.example", "Prod_Example"),
    "Artifacts.mirror": (
        "spec.artifacts",
        {"from": "mirror", "mirror": "https://mirror.example:8080"},
        {"from": "mirror", "mirror": "mirror.example"},
    ),
    "ClusterSpec.components{}": ("spec.components", {"kube-apiserver": {}}, {"apiserver": {}}),
    "Component.extraArgs{}": (
        "spec.components",
        {"kube-apiserver": {"extraArgs": {"v": "2"}}},
        {"kube-apiserver": {"extraArgs": {"--v": "2"}}},
    ),
    "ClusterSpec.health{}": ("spec.health", {"kube-apiserver": {}}, {"API server": {}}),
    "ClusterSpec.sysctls{}": ("spec.sysctls", {"vm.max_map_count": "262144"}, {"max map count": "1"}),
    "MachineSettings.sysctls{}": (
        "spec.roles",
        {"worker": {"sysctls": {"vm.max_map_count": "262144"}}},
        {"worker": {"sysctls": {"vm": "1"}}},
    ),
    "ContainerdImport.name": (
        "spec.containerd.imports",
        [{"name": "gpu", "content": "version = 3\n"}],
        [{"name": "gpu.toml", "content": "version = 3\n"}],
    ),
    "Containerd.paths[]": ("spec.containerd.paths", ["/etc/containerd/conf.d/*.toml"], ["conf.d/*.toml"]),
    "OwnFile.path": ("spec.files", [{"path": "/etc/motd", "content": "x"}], [{"path": "etc/motd", "content": "x"}]),
    "OwnFile.mode": (
        "spec.files",
        [{"path": "/etc/motd", "content": "x", "mode": "0640"}],
        [{"path": "/etc/motd", "content": "x", "mode": "rw-r"}],
    ),
    "OwnFile.owner": (
        "spec.files",
        [{"path": "/etc/motd", "content": "x", "owner": "root:adm"}],
        [{"path": "/etc/motd", "content": "x", "owner": "root"}],
    ),
    "Manifest.name": (
        "spec.manifests",
        [{"name": "team", "content": NAMESPACE}],
        [{"name": "My Team", "content": NAMESPACE}],
    ),
    "Stack.name": ("spec.stacks", [{"name": "portainer"}], [{"name": "My Stack"}]),
    "Backup.schedule": ("spec.backup.schedule", "0 */2 * * 1-5", "hourly"),
    "Drill.schedule": ("spec.backup.drill", {"schedule": "30 3 * * *"}, {"schedule": "30 3 * *"}),
    "Backup.pin[]": ("spec.backup.pin", ["20261123T074500Z-r1042"], ["newest"]),
    "BackupTarget.bucket": (
        "spec.backup.target",
        {"connection": "vault", "bucket": "bundles"},
        {"connection": "vault", "bucket": "My_Bucket"},
    ),
    "Upgrade.windows[]": ("spec.upgrade.windows", ["sat,sun 22:00-04:00 Europe/Amsterdam"], ["sat 22-04"]),
    "Hooks.environment{}": (
        "spec.upgrade.hooks",
        {"environment": {"RACK": "2"}},
        {"environment": {"WINDLASS_HOST": "x"}},
    ),
}
"""By form of a text: a path of the document, a value there that is right, and one that is not."""
FORMATS = jsonschema.FormatChecker(["ipv4", "ipv6"])
FORMATS_THAT_ARE_NAMES = {"Host.address"}
"""A name of a host is a format that takes a package more to be checked, so that nothing here refuses one."""


def with_value(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *around, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    node: Any = document
    for step in around:
        node = node[step] if isinstance(step, int) else node.setdefault(step, {})
    node[last] = value
    return document


def test_each_form_of_a_text_has_an_example() -> None:
    assert GOOD_AND_BAD.keys() == FORMS.keys()


@pytest.mark.parametrize("form", GOOD_AND_BAD)
def test_the_schema_takes_what_the_checks_take(form: str, document: dict[str, Any]) -> None:
    path, good, _ = GOOD_AND_BAD[form]
    changed = with_value(document, path, good)

    load_cluster(yaml.safe_dump(changed), "spec")

    jsonschema.Draft202012Validator(SCHEMA, format_checker=FORMATS).validate(changed)


@pytest.mark.parametrize("form", sorted(GOOD_AND_BAD.keys() - FORMATS_THAT_ARE_NAMES))
def test_what_the_schema_refuses_the_checks_refuse(form: str, document: dict[str, Any]) -> None:
    path, _, bad = GOOD_AND_BAD[form]
    changed = with_value(document, path, bad)

    assert not jsonschema.Draft202012Validator(SCHEMA, format_checker=FORMATS).is_valid(changed)
    with pytest.raises(SpecError, match=path.rpartition(".")[2]):
        load_cluster(yaml.safe_dump(changed), "spec", known=KNOWN)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_say_where_their_schema_is(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve() == ROOT / "docs" / "cluster.schema.json"
