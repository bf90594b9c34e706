"""Whatever is pinned may be used by its licence."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.audit.licences import CHOSEN, LIBRARIES, licence_of, pinned, problem, problems

ROOT = Path(__file__).resolve().parents[3]


def test_everything_that_is_pinned_may_be_used() -> None:
    assert list(problems(ROOT)) == []


def test_what_is_said_of_a_package_is_of_one_that_is_pinned() -> None:
    assert LIBRARIES | set(CHOSEN) <= set(pinned(ROOT))


@pytest.mark.parametrize(
    "licence",
    ["", "GNU General Public License v3 (GPLv3)", "AGPL-3.0-only", "LGPL-3.0-only", "SSPL-1.0"],
)
def test_a_licence_that_nobody_looked_at_is_told(licence: str) -> None:
    assert problem("left-pad", licence).startswith("left-pad: its licence is")


@pytest.mark.parametrize("licence", ["Apache-2.0", "MIT License", "BSD-3-Clause", "MPL-2.0"])
def test_a_free_licence_is_fine(licence: str) -> None:
    assert problem("left-pad", licence) == ""


def test_the_licence_of_what_is_installed_is_known_and_of_the_rest_nothing() -> None:
    assert licence_of("apache-airflow") == "Apache-2.0"
    assert licence_of("no-such-package-at-all") is None
