"""The providers that come along, as each is to be; `static` makes none."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from contracts.host_provider import HostProviderContract, Make, cluster_of
from unit.providers import aws, clouds
from windlass.domain.spec import Cluster
from windlass.effects.providers import StaticProvider

PAGE = Path(__file__).parents[3] / "docs" / "hosts.md"


class TestEc2(HostProviderContract):
    @pytest.fixture
    def provider(self, settings: dict[str, Any]) -> Make:
        return lambda: aws.provider(_without_balancer(settings))

    @pytest.fixture
    def spec(self, settings: dict[str, Any]) -> Callable[..., Cluster]:
        return partial(cluster_of, "ec2", _without_balancer(settings))


def _without_balancer(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "loadBalancer"}


@pytest.mark.parametrize("cloud", clouds.KINDS)
class TestLibcloud(HostProviderContract):
    @pytest.fixture
    def provider(self, cloud: str, made: clouds.Clouds) -> Make:
        return lambda: made.provider(cloud)

    @pytest.fixture
    def spec(self, cloud: str) -> Callable[..., Cluster]:
        return partial(cluster_of, "libcloud", clouds.SETTINGS[cloud], connection="cloud")


class TestTutorial(HostProviderContract):
    """The code of docs/hosts.md, as it stands there."""

    @pytest.fixture
    def provider(self, tmp_path: Path) -> Make:
        names: dict[str, Any] = {}
        exec(compile(tutorial(), "docs/hosts.md", "exec"), names)  # noqa: S102 (it is ours)
        return lambda: names["RackProvider"]({"switchboard": str(tmp_path)})

    @pytest.fixture
    def spec(self, tmp_path: Path) -> Callable[..., Cluster]:
        return partial(cluster_of, "rack", {"switchboard": str(tmp_path)})


def tutorial() -> str:
    [code] = re.findall(r"```python\n# rack_hosts\.py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


def test_the_tutorial_tells_of_a_wrong_setting(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(compile(tutorial(), "docs/hosts.md", "exec"), names)  # noqa: S102 (it is ours)
    with pytest.raises(Exception, match=r"spec\.hosts\.settings\.switchboard"):
        names["RackProvider"]({"row": 7})


def test_hosts_that_somebody_else_makes_are_never_missing_and_never_destroyed() -> None:
    static, demo = StaticProvider(), cluster_of("static", {})
    assert not static.makes_hosts
    assert static.missing(demo) == static.provide(demo, "run") == static.destroy(demo) == ()
