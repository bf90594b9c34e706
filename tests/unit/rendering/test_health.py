from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from windlass.domain.rendering import HealthCheck, read_health
from windlass.errors import SpecError


def checks(rendering: Any, stack: str, host: str = "cp-1") -> dict[str, HealthCheck]:
    return read_health(rendering.host(host)[f"/etc/windlass/stacks/{stack}/compose.yaml"].text)


def test_etcd_is_looked_at_slowly_and_given_time(render: Any) -> None:
    check = checks(render(), "etcd")["etcd"]
    assert (check.interval, check.response_timeout) == (timedelta(seconds=5), timedelta(seconds=3))
    assert (check.unhealthy_threshold, check.healthy_threshold) == (3, 2)
    assert check.initializing_timeout == timedelta(seconds=600)
    assert check.reinitializing_timeout == timedelta(seconds=120)
    assert check.client_certificate == "/etc/windlass/pki/etcd/health"


def test_the_control_plane_is_looked_at_every_two_seconds(render: Any) -> None:
    found = checks(render(), "control-plane")
    assert {name: check.port for name, check in found.items()} == {
        "kube-apiserver": 6443,
        "kube-controller-manager": 10257,
        "kube-scheduler": 10259,
    }
    for check in found.values():
        assert (check.interval, check.unhealthy_threshold) == (timedelta(seconds=2), 3)
        assert (check.healthy_threshold, check.initializing_timeout) == (2, timedelta(seconds=60))
        assert (check.strategy, check.protocol, check.address) == ("recreate", "https", "host")


def test_the_proxy_can_be_looked_at_only_from_its_own_host(render: Any) -> None:
    check = checks(render(), "api-proxy", "w-1")["api-proxy"]
    assert (check.address, check.protocol, check.port) == ("loopback", "http", 7444)


def test_an_api_server_without_etcd_does_not_count_as_unhealthy(render: Any) -> None:
    assert "exclude=etcd" in checks(render(), "control-plane")["kube-apiserver"].request_line


def test_the_spec_overrides_one_service_and_no_other(render: Any) -> None:
    override = {"intervalSeconds": 0.5, "unhealthyThreshold": 7, "strategy": "none"}
    found = checks(render(health={"kube-apiserver": override}), "control-plane")
    changed, other = found["kube-apiserver"], found["kube-scheduler"]
    assert (changed.interval, changed.unhealthy_threshold) == (timedelta(seconds=0.5), 7)
    assert changed.strategy == "none"
    assert changed.response_timeout == other.response_timeout
    assert (other.interval, other.strategy) == (timedelta(seconds=2), "recreate")


def test_services_without_a_check_are_left_out() -> None:
    assert read_health("services: {a: {image: x}}") == {}


@pytest.mark.parametrize("broken", ["{}", "{port: 1}"])
def test_names_the_service_with_an_incomplete_check(broken: str) -> None:
    with pytest.raises(SpecError, match="service a: x-windlass-health: "):
        read_health(f"services: {{a: {{x-windlass-health: {broken}}}}}")


def test_refuses_a_time_without_a_unit(render: Any) -> None:
    text = render().host("cp-1")["/etc/windlass/stacks/etcd/compose.yaml"].text
    with pytest.raises(SpecError, match="`5`, which is not of the form 2s"):
        read_health(text.replace('interval: "5s"', 'interval: "5"'))
