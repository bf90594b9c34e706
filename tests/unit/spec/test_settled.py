"""What a new spec does not say is as the cluster has it; only a new cluster takes a new default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from windlass.domain.spec import Cluster, dump_cluster, load_cluster
from windlass.domain.spec.diff import diff_clusters
from windlass.domain.spec.settled import settled

Make = Callable[[dict[str, Any]], Cluster]
MODE = "spec.network.proxyMode"


def test_a_new_cluster_has_the_new_default(changed: Make) -> None:
    assert settled(changed({}), None).spec.network.proxy == "nftables"


@pytest.mark.parametrize("mode", ["iptables", "nftables", "none"])
def test_what_a_spec_says_holds_whatever_runs(changed: Make, mode: str) -> None:
    asked, running = changed({MODE: mode}), changed({MODE: "iptables"})
    assert settled(asked, None).spec.network.proxy == mode
    assert settled(asked, running).spec.network.proxy == mode


@pytest.mark.parametrize("mode", ["iptables", "nftables", None])
def test_a_spec_that_says_nothing_changes_nothing_that_runs(changed: Make, mode: str | None) -> None:
    running = changed({MODE: mode})
    assert diff_clusters(running, settled(changed({MODE: None}), running)) == ()


def test_a_stored_spec_without_the_key_means_what_it_meant(changed: Make) -> None:
    stored = load_cluster(dump_cluster(changed({MODE: None})), "stored spec of demo")
    assert stored.spec.network.proxy == "iptables"
