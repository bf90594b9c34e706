"""Sizes, import circles, names of files, patches."""

from __future__ import annotations

import pytest
from tools.house.circles import check_circles, import_graph
from tools.house.patches import check_patches
from tools.house.sizes import check_functions, check_modules
from tools.house.source import Source
from tools.house.stems import check_stems

from unit.house.samples import source


def functions(*lengths: int) -> Source:
    return source("".join(f"def f{i}() -> None:\n" + "    pass\n" * (n - 1) for i, n in enumerate(lengths)), "a.py")


def test_functions_are_measured_from_def_to_their_last_line() -> None:
    code = '''
        @cached
        def one() -> None:
            """Do it."""


        def two(
            first: int,
        ) -> None:
            return
    '''
    assert check_functions([source(code)]).figure == "functions median 3, p90 4, longest 4 lines"


@pytest.mark.parametrize(
    ("lengths", "broken"),
    [
        ((2, 2, 51), "a.py:5: f2 has 51 lines, over 50"),
        ((2, 9, 9, 9), "functions: the median is 9 lines, over 8"),
        ((*[2] * 8, 21, 21), "functions: the 90th percentile is 21 lines, over 20"),
    ],
)
def test_functions_that_are_too_long_are_found(lengths: tuple[int, ...], broken: str) -> None:
    assert broken in check_functions([functions(*lengths)]).broken


def test_functions_up_to_the_bars_are_fine() -> None:
    assert check_functions([functions(*[8] * 8, 20, 50)]).broken == []


def test_a_module_over_300_lines_is_found() -> None:
    fine, long = source("x = 1\n" * 300, "fine.py"), source("x = 1\n" * 301, "long.py")

    result = check_modules([fine, long])

    assert (result.figure, result.broken) == ("longest module 301 lines", ["long.py: 301 lines, over 300"])


def test_modules_that_import_each_other_are_found_by_whatever_way_round() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": set[str]()}

    result = check_circles(graph)

    assert (result.figure, result.broken) == ("import circles 1", ["a, b, c: import each other"])


@pytest.fixture
def package(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    name = "circles_to_find"
    folder = tmp_path_factory.mktemp("packages")
    (folder / name).mkdir()
    modules = {
        "__init__": "",
        "late": f"def f():\n    from {name} import asked\n",
        "asked": f"from {name} import late\n",
        "typed": f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {name} import typing_too\n",
        "typing_too": f"from {name} import typed\n",
    }
    for module, code in modules.items():
        (folder / name / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(str(folder))
    return name


def test_imports_inside_functions_count_and_those_for_types_do_not(package: str) -> None:
    assert check_circles(import_graph(package)).broken == [f"{package}.asked, {package}.late: import each other"]


def files(*paths: str) -> list[Source]:
    return [source("", path) for path in paths]


def test_a_name_in_two_folders_counts_unless_it_is_listed() -> None:
    found = files("a/plan.py", "b/plan.py", "a/base.py", "b/base.py", "a/one.py", "a/__init__.py", "b/__init__.py")

    result = check_stems(found, {"plan": "what is going to be done"})

    assert result.figure == "stems shared 33 %, 1 more on purpose"
    assert [line.split(";")[0] for line in result.broken] == ["`base` in a, b: not one subject"]


def test_up_to_five_percent_of_names_may_be_shared() -> None:
    found = files("a/base.py", "b/base.py", *(f"a/m{number}.py" for number in range(19)))

    assert check_stems(found, {}).broken == ()


def test_patches_of_modules_are_counted() -> None:
    code = 'def install(patch):\n    patch.setattr(a, "b", c)\n    patch.setenv("A", "b")\n    setattr(self, name, 1)\n'

    assert check_patches([source(code, "tests/world/a.py")]).figure == "patches in the world 1"
    assert check_patches([source(code, "tests/world/a.py")] * 4).broken == ()
    assert len(check_patches([source(code, "tests/world/a.py")] * 5).broken) == 5
