"""The pages of docs/reference are those that the code makes; tests/airflow/ground/test_trigger_forms.py has params."""

from __future__ import annotations

import pytest
from tools.docs.host_page import undescribed
from tools.docs.reference import FOLDER, PARAMS, QUICK


@pytest.mark.parametrize("name", QUICK)
def test_each_page_is_as_the_code_makes_it(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == QUICK[name](), "run `make docs-reference`"


def test_there_is_no_other_page() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*QUICK, PARAMS}


def test_the_layout_says_of_each_file_port_and_label_what_it_is() -> None:
    assert undescribed() == []
