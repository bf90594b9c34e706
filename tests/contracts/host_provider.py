"""What every provider that makes hosts does; subclass and give the fixtures `provider` and `spec`.

`provider` returns a new one each time, as each task of a run makes its own: what it remembers in its process is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from windlass.domain.spec import Cluster
from windlass.effects.providers import HostProvider
from windlass.effects.providers.installed import _wrong_class

CP, W = "cp-1", "w-1"
ADDRESSES = {CP: "10.0.1.11", W: "10.0.1.12"}
ROLES = {CP: ["etcd", "control-plane"], W: ["worker"]}
Make = Callable[[], HostProvider]


def cluster_of(provider: str, settings: dict[str, Any], *hosts: str, name: str = "demo", **more: Any) -> Cluster:
    members = [{"name": host, "address": ADDRESSES[host], "roles": ROLES[host]} for host in hosts or ADDRESSES]
    hosts_of = {"provider": provider, "settings": settings, "members": members, **more}
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": hosts_of}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": name}, "spec": spec}
    return Cluster.model_validate(document)


class HostProviderContract:
    """The cases."""

    def test_it_has_all_parts_as_a_class(self, provider: Make) -> None:
        assert _wrong_class(type(provider())) is None
        assert provider().makes_hosts

    def test_what_is_missing_is_made_once(self, provider: Make, spec: Callable[..., Cluster]) -> None:
        demo = spec(CP, W)
        assert sorted(provider().missing(demo)) == [CP, W]
        assert sorted(provider().provide(demo, "run-1")) == [CP, W]
        assert provider().missing(demo) == ()
        assert provider().provide(demo, "run-1") == ()
        assert provider().provide(demo, "run-2") == ()

    def test_a_host_that_joins_is_made_beside_the_others(self, provider: Make, spec: Callable[..., Cluster]) -> None:
        provider().provide(spec(CP), "run-1")
        assert provider().missing(spec(CP, W)) == (W,)
        assert provider().provide(spec(CP, W), "run-2") == (W,)

    def test_one_host_is_destroyed_and_made_again(self, provider: Make, spec: Callable[..., Cluster]) -> None:
        demo = spec(CP, W)
        provider().provide(demo, "run-1")
        assert provider().destroy(demo, (W,)) == (W,)
        assert provider().missing(demo) == (W,)
        assert provider().destroy(demo, (W,)) == ()
        assert provider().provide(demo, "run-2") == (W,)

    def test_all_are_destroyed_also_those_that_the_spec_does_not_name_any_more(
        self, provider: Make, spec: Callable[..., Cluster]
    ) -> None:
        provider().provide(spec(CP, W), "run-1")
        assert sorted(provider().destroy(spec(CP))) == [CP, W]
        assert sorted(provider().missing(spec(CP, W))) == [CP, W]
        assert provider().destroy(spec(CP)) == ()

    def test_a_cluster_of_another_name_has_none_of_its_hosts(
        self, provider: Make, spec: Callable[..., Cluster]
    ) -> None:
        provider().provide(spec(CP, W), "run-1")
        assert sorted(provider().missing(spec(CP, W, name="demo-2"))) == [CP, W]
        assert provider().destroy(spec(CP, W, name="dem")) == ()
        assert provider().missing(spec(CP, W)) == ()
