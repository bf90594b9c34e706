from __future__ import annotations

import argparse
from pathlib import Path

from windlass.cli import apply
from world.specs import SINGLE


def conf(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    apply.add_commands(parser.add_subparsers())
    return apply.conf_of(parser.parse_args(["apply", *words]))


def test_nothing_but_the_cluster_is_asked_for_unless_it_is_said() -> None:
    assert conf("demo") == {"cluster": "demo"}


def test_each_word_is_the_param_of_that_name(tmp_path: Path) -> None:
    spec = tmp_path / "demo.yaml"
    spec.write_text(SINGLE)
    words = ["--gone", "w-2", "--gone", "w-3", "--accept-new-host-key", "cp-1", "--plan", "--approve"]
    assert conf("demo", "--spec", str(spec), "--stop-after", "cp-2", "--reason", "more room", *words) == {
        "cluster": "demo",
        "reason": "more room",
        "gone": ["w-2", "w-3"],
        "accept_new_host_key": ["cp-1"],
        "spec": SINGLE,
        "plan_only": True,
        "auto_approve": True,
        "stop_after": "cp-2",
    }
