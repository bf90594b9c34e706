"""Secrets that got into a file are found, and what only speaks of them is not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tools.audit.secrets import found_in, problems

BODY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9w"
SECRETS = {
    "a private key": f"-----BEGIN {'PRIVATE'} KEY-----\n{BODY}",
    "an access key of AWS": "key: " + "AKIA" + "Q3EGW7NLY2XMNVHZ",
    "a token of GitHub": "ghp" + "_" + "a1B2" * 9,
    "a token of GitLab": "glpat" + "-" + "a1B2c" * 4,
    "a token of Slack": "xoxb" + "-" + "1234567890-abcdefghij",
    "a key of Google": "AIza" + "Sy0123456789abcdefghijklmnopqrstuv_",
    "a JSON web token": ".".join(["eyJ" + "h" * 24, "eyJ" + "p" * 24, "s" * 24]),
    "a password in an address": "postgresql" + "://airflow:" + "Wq9vXc72LmPz@db/airflow",
}
HARMLESS = [
    "-----BEGIN PRIVATE KEY-----",
    "AKIAIOSFODNN7EXAMPLE",
    "postgresql://airflow:${POSTGRES_PASSWORD}@postgres/airflow",
    "ghp_token",
]


@pytest.mark.parametrize("what", SECRETS)
def test_what_has_the_form_of_a_secret_is_found_and_not_shown(what: str) -> None:
    (found,) = found_in("notes.txt", f"one\n{SECRETS[what]}\n".encode())
    assert found.startswith(f"notes.txt:2: it looks like {what}")
    assert SECRETS[what][-12:] not in found


@pytest.mark.parametrize("text", HARMLESS)
def test_words_about_secrets_are_none(text: str) -> None:
    assert list(found_in("notes.txt", text.encode())) == []


def test_files_that_git_has_or_would_take_are_read(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text(".env\n")
    for name in (".env", "new.txt"):
        (tmp_path / name).write_text(SECRETS["a token of GitHub"])
    assert [line.split(":")[0] for line in problems(tmp_path)] == ["new.txt"]
