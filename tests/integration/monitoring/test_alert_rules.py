"""Prometheus itself takes the alert rules: its reader, built from the modules of which the mirror builds Prometheus.

That reader is what `promtool check rules` calls; promtool as a whole needs a module more than Prometheus.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from unit.rendering.conftest import SHIPPED, TOPOLOGIES, Rendering, make_cluster
from windlass.effects.catalog import load_catalog
from windlass.errors import CommandError
from windlass.mirror.commands import Commands
from windlass.mirror.golang import Toolchain
from windlass.mirror.places import own_architecture, recipes_directory
from windlass.mirror.recipes import Recipes

pytestmark = pytest.mark.full

OURS = Path(__file__).resolve().parents[3] / "include" / "monitoring" / "rules.yaml"
Check = Callable[[str], None]


class Silent:
    def say(self, what: str) -> None:
        """Nobody looks."""

    def advance(self, done: int, total: int | None) -> None:
        """Nobody looks."""


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Return what reads rules; CommandError says what is wrong with them."""
    recipes, work = Recipes(recipes_directory()), tmp_path_factory.mktemp("check-rules")
    source = shutil.copytree(recipes.build_directory("prometheus"), work / "source")
    shutil.copy(Path(__file__).with_name("check_rules.go"), source / "main.go")
    tags, program = ",".join(recipes.build("prometheus").tags), work / "check-rules"
    arguments = ("build", "-trimpath", "-buildvcs=false", "-tags", tags, "-o", str(program), ".")
    Toolchain(Commands(), Silent()).go(source, *arguments, architecture=own_architecture())

    def read(text: str) -> None:
        (work / "rules.yaml").write_text(text)
        Commands().run([str(program), "rules.yaml"], directory=work)

    return read


def test_prometheus_takes_the_rules_about_clusters(check: Check) -> None:
    check(OURS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("version", load_catalog(SHIPPED).versions)
def test_prometheus_takes_the_rules_that_a_cluster_with_a_history_has(check: Check, version: str) -> None:
    cluster = make_cluster(TOPOLOGIES["overlapping"], version, monitoring={"history": {"driver": "prometheus"}})
    config = Rendering(cluster, load_catalog(SHIPPED).release(version)).object("ConfigMap", "prometheus")["data"]
    check(config["rules.yaml"])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("absent(windlass_clusters)", "absent(windlass_clusters", "unclosed left parenthesis"),
        ("absent(windlass_clusters)", "no_such(windlass_clusters)", "unknown function"),
        ("for: 10m", "for: ten", "not a valid duration"),
        ("for: 10m", "fore: 10m", "not found in type"),
        ("humanizeDuration", "humanise", 'function "humanise" not defined'),
    ],
)
def test_rules_that_prometheus_would_refuse_are_noticed(check: Check, old: str, new: str, told: str) -> None:
    text = OURS.read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(CommandError, match=re.escape(told)):
        check(text.replace(old, new, 1))
