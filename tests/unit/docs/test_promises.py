"""Each setting of the spec is read by something besides the spec's own package: no promise without code."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from windlass.domain.spec import models
from windlass.domain.spec.base import Section
from windlass.domain.spec.services import HealthOverride

from .pages import ROOT

SPEC = ROOT / "plugins" / "windlass" / "domain" / "spec"
READ_IN_THE_SPEC = {"Etcd.allow_even"}
"""They say only which specs are right."""
READ_BY = {
    **dict.fromkeys(("ClusterSpec.dns", "ClusterSpec.monitoring", "Network.proxy_mode"), r"\bpicked_drivers\("),
    "Component.extra_args": r"\bown_flags\(",
    "Oidc.username_prefix": r"\.prefix\b",
    "Host.secondary_address": r"\.node_addresses\b",
    "HostSsh.direct": r"\blogin_of\(",
    "ClusterSpec.monitoring": r"\bpicked_drivers\(",
    "Network.pod_cidr": r"\.pod_ranges\b",
    "Network.pod_cidrs": r"\.pod_ranges\b",
    "Network.service_cidr": r"\.service_ranges\b",
    "Network.service_cidrs": r"\.service_ranges\b",
    "Ec2Roles.worker": r"\.volume_of\(",
    "Ec2Settings.by_role": r"\.volume_of\(",
    "Ec2Settings.spot": r"\.is_spot\(",
    "Ec2Settings.subnet_id": r"\.known_subnets\b",
    "Ec2Settings.subnet_ids": r"\.known_subnets\b",
    **{f"{one}.image_id": r"\.image_of\(" for one in ("Ec2Settings", "Ec2Size")},
    **{f"{one}.instance_type": r"\.instance_type_of\(" for one in ("Ec2Settings", "Ec2Size")},
    **{f"{one}.volume_gibibytes": r"\.volume_of\(" for one in ("Ec2Settings", "Ec2Size")},
}
"""Settings that something of the spec's own package reads, and how that is called elsewhere."""


def sections(root: type[Section] = Section) -> Iterator[type[Section]]:
    for kind in root.__subclasses__():
        yield kind
        yield from sections(kind)


SECTIONS = [one for one in sections() if one.__module__.startswith(models.__name__.rpartition(".")[0])]
SETTINGS = {
    f"{one.__name__}.{name}": name
    for one in SECTIONS
    if one is not HealthOverride  # they are all read at once, by `overridden`
    for name in one.model_fields
}
CODE = "".join(
    path.read_text(encoding="utf-8")
    for folder in (ROOT / "plugins", ROOT / "include" / "templates")
    for path in folder.rglob("*")
    if path.suffix in {".py", ".j2"} and SPEC not in path.parents
)


def test_there_are_settings() -> None:
    assert {"Repair.drift", "Host.taints"} < SETTINGS.keys()


@pytest.mark.parametrize("setting", sorted(SETTINGS.keys() - READ_IN_THE_SPEC))
def test_each_setting_is_read(setting: str) -> None:
    assert re.search(READ_BY.get(setting, rf"\.{SETTINGS[setting]}\b"), CODE)
