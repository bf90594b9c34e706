from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import responses
from moto import mock_aws

from unit.providers.aws import clients
from unit.providers.clouds import Clouds

HOSTS = {
    "cp-1": ("10.0.1.11", ["etcd", "control-plane"]),
    "w-1": ("10.0.2.12", ["worker"]),
}
IMAGE = "ami-12c6146b"
"""One that moto knows."""


@pytest.fixture
def vpc() -> Iterator[str]:
    with mock_aws():
        ec2, _ = clients()
        yield ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def settings(vpc: str) -> dict[str, Any]:
    """Return settings by which all that the provider can make is made."""
    return {
        "imageId": IMAGE,
        "instanceType": "m5.large",
        "vpcId": vpc,
        "subnets": [{"zone": "eu-west-1a", "cidr": "10.0.1.0/24"}, {"zone": "eu-west-1b", "cidr": "10.0.2.0/24"}],
        "sshFrom": ["192.0.2.0/24"],
        "apiFrom": ["198.51.100.0/24"],
        "loadBalancer": {"addresses": ["10.0.1.10", "10.0.2.10"]},
    }


@pytest.fixture
def made() -> Iterator[Clouds]:
    """Return the clouds that Apache Libcloud is tried on; skipped where it is not installed."""
    pytest.importorskip("libcloud")
    found = Clouds()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        found.answer(http)
        yield found
