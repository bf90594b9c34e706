"""A run: what is chosen, what is kept, what a failure does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from bench import results, run
from bench.catalog import choose, registered
from bench.figure import Bar, Figure, Peer
from bench.rounds import alternate
from bench.workbench import Workbench

from windlass.errors import SpecError, UnreachableError


def quick(_bench: Workbench) -> Iterator[Figure]:
    yield Figure("quick_s", "s", (1.0,), Bar(2))


def slow(_bench: Workbench) -> Iterator[Figure]:
    yield Figure("slow_s", "s", (3.0,), Bar(2), Peer("other", (6.0,)))


def broken(_bench: Workbench) -> Iterator[Figure]:
    yield Figure("half_s", "s", (1.0,))
    raise UnreachableError("cp-1: no answer")


def wrong(_bench: Workbench) -> Iterator[Figure]:
    raise ZeroDivisionError


def nowhere(_figures: Sequence[Figure]) -> None:
    pass


KNOWN = {"quick": quick, "broken": broken, "wrong": wrong, "slow": slow}


@pytest.fixture
def bench() -> Workbench:
    return Workbench(ExitStack())


def test_all_are_chosen_when_none_is_named() -> None:
    assert choose(KNOWN, []) == KNOWN


@pytest.mark.parametrize("only", [["slow", "quick"], ["slow,quick"], ["slow,", "quick"]])
def test_those_named_are_chosen_in_their_own_order(only: list[str]) -> None:
    assert list(choose(KNOWN, only)) == ["quick", "slow"]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match="no benchmark is called `slwo`; there are: quick, broken, wrong, slow"):
        choose(KNOWN, ["slwo"])


def test_a_failed_benchmark_is_told_and_the_others_still_run(bench: Workbench) -> None:
    done = run.measure_all(KNOWN, bench, nowhere)
    assert [figure.name for figure in done.figures] == ["quick_s", "slow_s"]
    assert done.failed["broken"] == "cp-1: no answer"
    assert "ZeroDivisionError" in done.failed["wrong"]


def test_the_report_tells_bars_peers_failures_and_counts(bench: Workbench) -> None:
    lines = run.report(run.measure_all(KNOWN, bench, nowhere)).splitlines()
    assert lines[0] == "quick_s: 1 s; bar: below 2 s: met; runs: 1"
    assert lines[1] == "slow_s: 3 s; bar: below 2 s: not met; = 0.5 times other (6 s); runs: 3"
    assert lines[2] == "broken: failed: cp-1: no answer"
    assert lines[-1] == "1 bars met, 1 not met, 2 failed"


def test_results_of_what_was_not_measured_again_are_kept(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"name": "old_s", "value": 7}, {"name": "quick_s", "value": 9}]))
    run.measure_all({"quick": quick, "slow": slow}, bench, lambda figures: run.keep(figures, path))
    assert {entry["name"]: entry["value"] for entry in results.read(path)} == {
        "old_s": 7,
        "quick_s": 1.0,
        "slow_s": 3.0,
    }


def test_results_are_written_before_the_next_benchmark_starts(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "results.json"

    def looks(_bench: Workbench) -> Iterator[Figure]:
        assert [entry["name"] for entry in results.read(path)] == ["quick_s"]
        yield Figure("looked_s", "s", (1.0,))

    done = run.measure_all({"quick": quick, "looks": looks}, bench, lambda figures: run.keep(figures, path))
    assert done.failed == {}


def test_a_failed_benchmark_keeps_its_earlier_result(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"name": "half_s", "value": 7}]))
    run.measure_all({"broken": broken}, bench, lambda figures: run.keep(figures, path))
    assert results.read(path) == [{"name": "half_s", "value": 7}]


def test_the_first_run_starts_from_nothing(tmp_path: Path) -> None:
    assert results.read(tmp_path / "results.json") == []


@pytest.mark.parametrize("text", ["{", "{}[", '["x"]', '[{"value": 1}]'])
def test_a_file_that_is_no_list_of_results_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(SpecError, match="is no list of results"):
        results.read(path)


@pytest.fixture
def known_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(run, "registered", lambda: KNOWN)
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results.json")
    return tmp_path / "results.json"


@pytest.mark.parametrize(("only", "code"), [(["quick"], 0), (["slow"], 0), (["quick", "broken"], 1), (["none"], 2)])
def test_the_exit_code_tells_failures_and_wrong_names_but_not_missed_bars(
    known_alone: Path, only: list[str], code: int
) -> None:
    assert run.main(only) == code
    assert known_alone.exists() == (only != ["none"])


def test_every_benchmark_module_registers_under_a_name() -> None:
    run.main(["none"])
    modules = {measure.__module__ for measure in registered().values()}
    assert modules == {f"bench.{module}" for module in run.MODULES}


def test_peers_take_turns_in_going_first() -> None:
    order: list[str] = []

    def note(name: str, value: float) -> float:
        order.append(name)
        return value

    assert alternate(lambda: note("ours", 1.0), lambda: note("theirs", 2.0), 3) == ((1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
