"""What a host refuses, by the shell that it runs for real, in a directory of this machine."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from windlass.domain.scripts.fence import MOST_BELIEVED, OVERTAKEN, fenced, overtaken_by, refusal
from windlass.errors import LostLeaseError, RefusedError


def change(fence: Path, counter: int, *argv: str) -> subprocess.CompletedProcess[str]:
    argv = argv or ("sh", "-c", "echo done")
    return subprocess.run(fenced(argv, counter, str(fence)), capture_output=True, text=True, check=False)


def test_the_first_change_is_made_and_its_number_kept_for_root_alone(tmp_path: Path) -> None:
    fence = tmp_path / "etc" / "fence"
    done = change(fence, 7)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    assert fence.read_text() == "7\n"
    assert fence.stat().st_mode & 0o777 == 0o600
    assert fence.parent.stat().st_mode & 0o777 == 0o755
    assert [one.name for one in fence.parent.iterdir()] == ["fence"]


def test_an_older_one_is_refused_before_it_begins(tmp_path: Path) -> None:
    fence = tmp_path / "fence"
    fence.write_text("8\n")
    done = change(fence, 7)
    assert (done.returncode, done.stdout) == (OVERTAKEN, "")
    assert overtaken_by("cp-1", done.returncode, done.stderr) == 8
    assert fence.read_text() == "8\n"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(counters=st.lists(st.integers(0, 10**9), min_size=1, max_size=6))
def test_the_highest_is_kept_and_only_it_gets_through(tmp_path: Path, counters: list[int]) -> None:
    fence = tmp_path / "fence"
    fence.unlink(missing_ok=True)
    highest = 0
    for counter in counters:
        assert (change(fence, counter).returncode == 0) == (counter >= highest)
        highest = max(highest, counter)
        assert fence.read_text() == f"{highest}\n"


def test_what_is_changed_side_by_side_leaves_the_highest(tmp_path: Path) -> None:
    fence = tmp_path / "fence"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda counter: change(fence, counter), [*range(40)]))
    assert fence.read_text() == "39\n"


def test_exit_code_input_and_words_are_those_of_the_command(tmp_path: Path) -> None:
    argv = ("sh", "-c", 'cat; printf "%s|" "$@"; exit 3', "name", "$HOME", "a b", "")
    sent = fenced(argv, 7, str(tmp_path / "fence"))
    done = subprocess.run(sent, input="in ", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "in $HOME|a b||")


def test_a_command_that_ends_with_the_same_code_is_no_refusal() -> None:
    assert overtaken_by("cp-1", OVERTAKEN, "something else\n") is None
    assert overtaken_by("cp-1", 1, "windlass: overtaken by lease 8\n") is None


@pytest.mark.parametrize("content", ["seven\n", "\n7\n", "-1\n", "1" * 19 + "\n", "7 8\n", "$(reboot)\n"])
def test_what_is_no_counter_lets_nothing_through_and_says_what_to_do(tmp_path: Path, content: str) -> None:
    fence = tmp_path / "fence"
    fence.write_text(content)
    done = change(fence, 7)
    assert (done.returncode, done.stdout) == (OVERTAKEN, "")
    with pytest.raises(RefusedError, match=r"cp-1: /etc/windlass/fence holds no counter.* remove the file"):
        overtaken_by("cp-1", done.returncode, done.stderr)


def test_a_file_that_a_crash_left_empty_is_none(tmp_path: Path) -> None:
    fence = tmp_path / "fence"
    fence.write_text("")
    assert change(fence, 7).returncode == 0
    assert fence.read_text() == "7\n"


def test_a_host_that_makes_up_a_number_is_not_believed() -> None:
    with pytest.raises(RefusedError, match="cp-1"):
        overtaken_by("cp-1", OVERTAKEN, f"windlass: overtaken by lease {MOST_BELIEVED + 1}\n")


@pytest.mark.skipif(os.getuid() == 0 and not Path("/dev/full").exists(), reason="needs a file that takes nothing")
def test_a_number_that_cannot_be_kept_holds_up_no_repair(tmp_path: Path) -> None:
    fence = tmp_path / "fence"
    (tmp_path / "fence.new").symlink_to("/dev/full")
    assert change(fence, 7).stdout == "done\n"
    assert not fence.exists()


def test_the_refusal_names_host_and_counters() -> None:
    error = refusal("cp-1", 7, 8)
    assert isinstance(error, LostLeaseError)
    assert "cp-1: refused by the host, which has seen lease 8" in str(error)
    assert "works with lease 7" in str(error)
