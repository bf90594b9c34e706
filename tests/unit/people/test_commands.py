"""What a person's laptop does: log in, write a kubeconfig without a key, and give kubectl certificates."""

from __future__ import annotations

import base64
import io
import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from unit.people.fake_airflow import PASSWORD, FakeAirflow, serving
from unit.people.samples import ACCESS
from windlass.cli.airflow_access import is_by_airflow
from windlass.cli.credential import find_credential
from windlass.cli.main import main


@pytest.fixture
def airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path / "cache"))
    for name in ("URL", "USER", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"WINDLASS_AIRFLOW_{name}", raising=False)
    monkeypatch.delenv("KUBERNETES_EXEC_INFO", raising=False)
    with serving(FakeAirflow()) as server:
        yield server


def log_in(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, *words: str, typed: str = PASSWORD) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
    return main(["login", "--airflow", airflow.url, *(words or ("--user", "ada"))])


def credential(airflow: FakeAirflow) -> int:
    return main(["credential", "--cluster", "demo", "--airflow", airflow.url])


def modes(directory: Path) -> set[tuple[bool, int]]:
    return {(one.is_dir(), stat.S_IMODE(one.stat().st_mode)) for one in directory.rglob("*")}


def test_kubectl_gets_a_certificate_and_the_key_that_was_made_here(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert log_in(airflow, monkeypatch) == 0
    capsys.readouterr()
    monkeypatch.setenv(
        "KUBERNETES_EXEC_INFO",
        '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "spec": {"interactive": false}}',
    )
    assert credential(airflow) == 0

    answer = json.loads(capsys.readouterr().out)
    assert (answer["apiVersion"], answer["kind"]) == ("client.authentication.k8s.io/v1", "ExecCredential")
    certificate = x509.load_pem_x509_certificate(answer["status"]["clientCertificateData"].encode())
    key = load_pem_private_key(answer["status"]["clientKeyData"].encode(), None)
    assert certificate.public_key() == key.public_key()
    until = datetime.fromisoformat(answer["status"]["expirationTimestamp"])
    assert timedelta() < certificate.not_valid_after_utc - until <= timedelta(minutes=7)
    sent = " ".join(body for _, body in airflow.sent)
    assert "PRIVATE" not in sent
    assert "BEGIN CERTIFICATE REQUEST" in sent


def test_a_certificate_is_used_until_shortly_before_its_end_and_lies_where_nobody_else_reads(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log_in(airflow, monkeypatch)
    now = datetime.now(UTC)
    first = find_credential("demo", airflow.url, now)
    assert find_credential("demo", airflow.url, now + timedelta(minutes=53)) == first
    assert find_credential("demo", airflow.url, now + timedelta(minutes=55)) != first
    assert airflow.paths().count("/windlass/api/clusters/demo/credential") == 2
    assert modes(tmp_path / "cache") == {(True, 0o700), (False, 0o600)}


def test_what_others_could_read_or_write_is_not_used(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log_in(airflow, monkeypatch)
    first = find_credential("demo", airflow.url, datetime.now(UTC))
    (file,) = (tmp_path / "cache" / "credentials").rglob("*.json")
    file.chmod(0o644)
    assert find_credential("demo", airflow.url, datetime.now(UTC)) != first
    file.write_text("{")
    assert find_credential("demo", airflow.url, datetime.now(UTC)).certificate


def test_another_login_brings_other_certificates_and_leaving_takes_all_away(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_in(airflow, monkeypatch)
    first = find_credential("demo", airflow.url, datetime.now(UTC))
    log_in(airflow, monkeypatch)
    assert find_credential("demo", airflow.url, datetime.now(UTC)) != first
    assert main(["login", "--airflow", airflow.url, "--out"]) == 0
    assert not [one for one in (tmp_path / "cache").rglob("*") if one.is_file()]
    assert credential(airflow) == 3
    assert f"`windlass login --airflow {airflow.url}`" in capsys.readouterr().err


def test_a_login_that_has_ended_says_how_to_log_in_again(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log_in(airflow, monkeypatch)
    airflow.token = "t2"
    assert credential(airflow) == 3
    assert f"has ended; log in again: `windlass login --airflow {airflow.url}`" in capsys.readouterr().err


def test_a_wrong_password_leaves_nothing_behind(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert log_in(airflow, monkeypatch, typed="wrong") == 3
    assert "wrong" not in capsys.readouterr().err
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_a_token_of_a_single_sign_on_will_do(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    assert log_in(airflow, monkeypatch, "--token", typed="t1") == 0
    assert credential(airflow) == 0
    assert "/auth/token" not in airflow.paths()


@pytest.mark.parametrize("names", [{"TOKEN": "t1"}, {"USER": "ada", "PASSWORD": PASSWORD}])
def test_programs_log_in_by_the_environment(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, names: dict[str, str]
) -> None:
    for name, value in {**names, "URL": airflow.url}.items():
        monkeypatch.setenv(f"WINDLASS_AIRFLOW_{name}", value)
    assert main(["credential", "--cluster", "demo"]) == 0


def test_a_password_is_shown_to_no_other_airflow_than_its_own(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"URL": "https://airflow.example.com", "USER": "ada", "PASSWORD": PASSWORD}.items():
        monkeypatch.setenv(f"WINDLASS_AIRFLOW_{name}", value)
    assert credential(airflow) == 3
    assert not airflow.sent


@pytest.mark.parametrize("code", [403, 404, 429])
def test_the_reason_of_a_refusal_is_told(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    log_in(airflow, monkeypatch)
    capsys.readouterr()
    airflow.refusal = (code, "`ada` has no group in this cluster")
    assert credential(airflow) == 3
    out, error = capsys.readouterr()
    assert not out
    assert "`ada` has no group in this cluster" in error


def test_another_form_of_answers_is_refused(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBERNETES_EXEC_INFO", '{"apiVersion": "client.authentication.k8s.io/v1beta1"}')
    assert credential(airflow) == 2
    assert "v1beta1" in capsys.readouterr().err


def test_a_kubeconfig_has_no_key_and_says_what_to_run(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log_in(airflow, monkeypatch)
    file = tmp_path / "demo.kubeconfig"
    assert main(["kubeconfig", "demo", "--airflow", airflow.url, "--output", str(file)]) == 0

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    document = yaml.safe_load(file.read_text())
    (user,) = document["users"]
    plugin = user["user"]["exec"]
    assert set(user["user"]) == {"exec"}
    assert [plugin["command"], *plugin["args"]] == [
        "windlass", "credential", "--cluster", "demo", "--airflow", airflow.url,
    ]  # fmt: skip
    assert (plugin["apiVersion"], plugin["interactiveMode"]) == ("client.authentication.k8s.io/v1", "Never")
    (cluster,) = document["clusters"]
    assert base64.b64decode(cluster["cluster"]["certificate-authority-data"]).decode() == ACCESS.server_authority
    assert document["contexts"][0]["context"]["user"] == user["name"]
    assert main(plugin["args"]) == 0


@pytest.mark.parametrize("words", [["--user", "eve"], ["--hours", "2"], ["--reason", "x"]])
def test_nobody_says_who_they_are_without_breaking_the_glass(
    airflow: FakeAirflow, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kubeconfig", "demo", "--airflow", airflow.url, *words]) == 2
    assert "--break-glass" in capsys.readouterr().err


def test_a_name_of_a_cluster_stays_one_part_of_the_path(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(airflow, monkeypatch)
    assert main(["credential", "--cluster", "../../x?y", "--airflow", airflow.url]) == 3
    assert airflow.paths()[-1] == "/windlass/api/clusters/..%2F..%2Fx%3Fy/credential"


def test_the_service_log_is_read_by_the_login_to_airflow(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log_in(airflow, monkeypatch)
    capsys.readouterr()
    words = ["log", "demo", "--airflow", airflow.url, "--lines", "7", "--level", "warning", "--host", "cp-1"]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-29 12:00:01 ! heal_cluster     first",
        "2026-11-29 12:00:02 ! heal_cluster     second",
    ]
    assert airflow.paths()[-1] == "/windlass/api/clusters/demo/log?limit=7&level=warning&host=cp-1&after="
    assert main(["log", "none", "--airflow", airflow.url]) == 3
    assert "there is no such cluster" in capsys.readouterr().err


def test_following_the_service_log_asks_for_what_came_after(
    airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log_in(airflow, monkeypatch)

    def pause(_: float) -> None:
        if "after=2026" in airflow.paths()[-1]:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", pause)
    assert main(["log", "demo", "--airflow", airflow.url, "--follow"]) == 130
    assert capsys.readouterr().out.count("second") == 1


@pytest.mark.parametrize(
    ("given", "environment", "by_airflow"),
    [
        ("https://airflow.example.com", {}, True),
        ("main", {"WINDLASS_AIRFLOW_URL": "https://airflow.example.com"}, False),
        (None, {"WINDLASS_AIRFLOW_URL": "https://airflow.example.com"}, True),
        (None, {"WINDLASS_AIRFLOW_URL": "https://a.example.com", "AIRFLOW_CONN_WINDLASS_STORE": "{}"}, False),
        (None, {}, False),
    ],
)
def test_the_store_is_asked_where_its_login_is(
    given: str | None, environment: dict[str, str], *, by_airflow: bool
) -> None:
    assert is_by_airflow(given, environment) is by_airflow
