from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from windlass.domain.spec import Known, load_cluster
from windlass.domain.spec.published_schema import json_schema_text
from windlass.effects.catalog import load_drivers
from windlass.errors import SpecError

PAGE = (Path(__file__).parents[3] / "docs" / "hosts.md").read_text(encoding="utf-8")
EXAMPLES = {
    found["hosts"]["provider"]: found
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    if (found := yaml.safe_load(text))["hosts"]["provider"] in {"ec2", "libcloud"}
}
SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"
NEW = Known(versions=["v1.37.2"], providers=["rack"], drivers=load_drivers(SHIPPED))


def text_of(provider: str, change: Any = None) -> str:
    """Return the spec of the page's example, whose control plane is whole."""
    spec = {"kubernetes": {"version": "v1.37.2"}, **yaml.safe_load(yaml.safe_dump(EXAMPLES[provider]))}
    if change:
        change(spec)
    return yaml.safe_dump({"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec})


def setting(key: str, value: Any) -> Any:
    return lambda spec: spec["hosts"]["settings"].update({key: value})


@pytest.mark.parametrize("provider", ["ec2", "libcloud"])
def test_the_example_of_the_page_is_right_for_the_checks_and_for_editors(provider: str) -> None:
    load_cluster(text_of(provider), "spec", NEW)
    jsonschema.validate(yaml.safe_load(text_of(provider)), json.loads(json_schema_text()))


@pytest.mark.parametrize(
    ("provider", "change", "wrong"),
    [
        (
            "ec2",
            setting("instancetype", "m7i.large"),
            r"settings\.instancetype: unknown key.*did you mean `instanceType`",
        ),
        ("ec2", setting("byRole", {"worker": {"spot": True}}), r"settings\.byRole\.worker\.spot: unknown key"),
        ("ec2", setting("sshFrom", ["10.0.0.1/8"]), r"settings\.sshFrom\[0\]: it is no IPv4 range"),
        ("ec2", setting("subnetId", "subnet-1"), r"settings: give one of subnetId, subnetIds, or subnets"),
        ("ec2", setting("spot", ["etcd"]), r"settings\.spot\[0\]"),
        ("ec2", lambda spec: spec["hosts"]["settings"].pop("imageId"), r"settings\.imageId: it is missing"),
        ("ec2", lambda spec: spec.pop("api"), r"api\.endpoint: it is missing, and there is a load balancer"),
        ("ec2", lambda spec: spec["hosts"]["members"][1].update(address="10.9.0.1"), r"none of them holds 10\.9\.0\.1"),
        (
            "ec2",
            lambda spec: spec.update(network={"backend": "host-gw"}),
            r"network\.backend: a VPC carries no packets",
        ),
        (
            "ec2",
            lambda spec: spec["api"].update(virtualAddress="10.0.1.100"),
            r"api\.virtualAddress: AWS delivers no packets to an address that it did not give",
        ),
        ("ec2", setting("tags", {"windlass-cluster": "other"}), r"tags cannot be called"),
        ("libcloud", setting("arguments", {"auth": "x"}), r"`auth` does not begin with ex_"),
        ("libcloud", setting("userData", "user"), r"`user` does not begin with ex_"),
        ("libcloud", setting("password", "x"), r"settings\.password: unknown key"),
    ],
)
def test_what_is_wrong_with_settings_is_told_with_its_line(provider: str, change: Any, wrong: str) -> None:
    with pytest.raises(SpecError, match=rf"spec:[1-9]\d*: .*{wrong}"):
        load_cluster(text_of(provider, change), "spec", NEW)


def test_a_stored_spec_is_read_whatever_its_settings_are_by_now() -> None:
    load_cluster(text_of("ec2", setting("fromEarlierTimes", 1)), "stored")


def test_a_reference_to_a_secret_stands_for_a_text() -> None:
    load_cluster(text_of("ec2", setting("imageId", {"fromVariable": "windlass_secret_image"})), "spec", NEW)
