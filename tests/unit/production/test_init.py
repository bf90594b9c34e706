"""The settings and secrets of docker-compose.yaml: strong, kept, and each for whom it is."""

from __future__ import annotations

import base64
import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from windlass.cli.main import main
from windlass.cli.production.init import set_settings, write_setup
from windlass.cli.production.secret_plan import APISERVER, TRIGGERER, WORKER, plan_secrets
from windlass.cli.production.wishes import S3Service, Wishes, parse_settings
from windlass.domain.authenticity import RecordKeys
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.errors import RefusedError, SpecError

NOW = datetime(2026, 11, 30, tzinfo=UTC)
WISHES = Wishes("airflow.example.org", 443)
OWN = S3Service("https://s3.example.org", "clusters", "logs", "AKIA")


def connections(planned: dict[str, str], name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(planned[name])
    return found


def test_two_set_ups_have_nothing_in_common_that_is_secret() -> None:
    one, other = (plan_secrets({}, {}, WISHES, NOW) for _ in range(2))
    assert set(one) == set(other)
    assert not [name for name in one if one[name] == other[name]]


def test_what_is_random_is_long_enough() -> None:
    planned = plan_secrets({}, {}, WISHES, NOW)
    assert len(base64.urlsafe_b64decode(planned["fernet_key"])) == 32
    for name in (
        "jwt_secret",
        "api_secret_key",
        "postgres_password",
        "redis_password",
        "admin_password",
        "s3_secret_key",
    ):
        assert len(planned[name]) >= 24, name


def test_a_second_time_changes_nothing() -> None:
    planned = plan_secrets({}, {}, WISHES, NOW)
    assert plan_secrets(planned, {}, WISHES, NOW) == planned


def test_secrets_of_an_older_env_are_kept() -> None:
    planned = plan_secrets({}, {"POSTGRES_PASSWORD": "kept", "AIRFLOW_FERNET_KEY": "fernet"}, WISHES, NOW)
    assert planned["postgres_password"] == "kept"
    assert ":kept@" in planned["database_url"]
    assert planned["fernet_key"] == "fernet"


def test_who_opens_no_pki_gets_keys_that_open_none() -> None:
    planned = plan_secrets({}, {}, WISHES, NOW)
    master = connections(planned, WORKER)["windlass_master_key"]["password"]
    records = RecordKeys.of(MasterKeys.parse(master))

    assert master not in planned[TRIGGERER] + planned[APISERVER]
    assert connections(planned, TRIGGERER)["windlass_record_key"]["password"] == records.record_text().reveal()
    assert connections(planned, APISERVER)["windlass_reading_key"]["password"] == records.reading_text().reveal()
    assert set(connections(planned, APISERVER)) == {
        "windlass_store", "windlass_logs", "windlass_reading_key", "windlass_people_key"
    }  # fmt: skip


def test_a_changed_master_key_changes_what_is_derived_from_it_and_nothing_else() -> None:
    before = plan_secrets({}, {}, WISHES, NOW)
    worker = connections(before, WORKER)
    worker["windlass_master_key"]["password"] = (
        f"{new_master_key().reveal()},{worker['windlass_master_key']['password']}"
    )
    edited = {**before, WORKER: json.dumps(worker)}

    after = plan_secrets(edited, {}, WISHES, NOW)

    assert {name for name in after if json_or_text(after[name]) != json_or_text(edited[name])} == {TRIGGERER, APISERVER}


def json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_a_connection_of_ones_own_stays() -> None:
    before = plan_secrets({}, {}, WISHES, NOW)
    worker = {**connections(before, WORKER), "rack2": {"conn_type": "ssh", "login": "ops"}}
    after = plan_secrets({**before, WORKER: json.dumps(worker)}, {}, WISHES, NOW)
    assert connections(after, WORKER)["rack2"] == worker["rack2"]


def test_an_s3_service_of_ones_own_takes_the_gateways_place_and_is_kept() -> None:
    first = plan_secrets({}, {}, WISHES, NOW)
    own = plan_secrets(first, {}, Wishes("airflow.example.org", 443, OWN, "its-key"), NOW)
    again = plan_secrets(own, {}, WISHES, NOW)

    assert own == again
    for name in (WORKER, TRIGGERER, APISERVER):
        store, logs = (connections(again, name)[one] for one in ("windlass_store", "windlass_logs"))
        assert (store["login"], store["password"], store["extra"]["bucket"]) == ("AKIA", "its-key", "clusters")
        assert logs["extra"]["endpoint_url"] == store["extra"]["endpoint_url"] == "https://s3.example.org"


def test_the_login_to_hosts_is_for_worker_and_triggerer() -> None:
    planned = plan_secrets({}, {}, Wishes("h", 443, ssh_user="ops", ssh_key="KEY"), NOW)
    assert [name for name in (WORKER, TRIGGERER, APISERVER) if "KEY" in planned[name]] == [WORKER, TRIGGERER]
    assert connections(planned, TRIGGERER)["windlass_ssh"]["login"] == "ops"


def test_the_proxys_certificate_names_the_host_and_one_of_ones_own_stays() -> None:
    planned = plan_secrets({}, {}, WISHES, NOW)
    leaf, authority = (x509.load_pem_x509_certificate(planned[name].encode()) for name in ("tls.pem", "ca.pem"))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "airflow.example.org" in names.get_values_for_type(x509.DNSName)
    leaf.verify_directly_issued_by(authority)

    own = plan_secrets({"tls.pem": "own"}, {}, WISHES, NOW)
    assert own["tls.pem"] == "own"
    assert not {"ca.pem", "ca.key"} & set(own)


def test_a_certificate_that_was_taken_away_comes_from_the_same_authority() -> None:
    planned = plan_secrets({}, {}, WISHES, NOW)
    renewed = plan_secrets({name: text for name, text in planned.items() if name != "tls.pem"}, {}, WISHES, NOW)
    assert renewed["ca.pem"] == planned["ca.pem"]
    assert renewed["tls.pem"] != planned["tls.pem"]


@pytest.mark.parametrize("text", ["{no", "[]", '{"a": 1}'])
def test_a_file_of_connections_that_cannot_be_read_is_named_and_nothing_of_it_is_shown(text: str) -> None:
    with pytest.raises(SpecError, match="connections_worker") as refused:
        plan_secrets({WORKER: text}, {}, WISHES, NOW)
    assert text not in str(refused.value)


def test_files_are_for_their_owner_and_no_secret_is_in_the_settings(tmp_path: Path) -> None:
    written = write_setup(tmp_path, WISHES)

    secrets = tmp_path / "secrets"
    settings = (tmp_path / ".env").read_text()
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert stat.S_IMODE((secrets / "ca.key").stat().st_mode) == 0o600
    assert {Path(name).name for name in written} == {path.name for path in secrets.iterdir()} | {".env"}
    assert parse_settings(settings)["AIRFLOW_BASE_URL"] == "https://airflow.example.org:443"
    assert not [path.name for path in secrets.iterdir() if path.read_text().strip() in settings]
    assert write_setup(tmp_path, WISHES) == ()


def test_a_directory_that_others_may_enter_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets").chmod(0o755)
    with pytest.raises(RefusedError, match="chmod 700"):
        write_setup(tmp_path, WISHES)
    assert not list((tmp_path / "secrets").iterdir())


def test_settings_of_ones_own_stay(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# mine\nAIRFLOW_BASE_URL='https://a.example'\nREDIS_MEMORY=1g\n")
    write_setup(tmp_path, WISHES)
    given = parse_settings(env.read_text())
    assert given["AIRFLOW_BASE_URL"] == "https://a.example"
    assert given["REDIS_MEMORY"] == "1g"
    assert env.read_text().startswith("# mine\n")

    set_settings(env, {"REDIS_MEMORY": "2g"})
    assert parse_settings(env.read_text()) == {**given, "REDIS_MEMORY": "2g"}


def test_half_of_an_s3_service_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["production", "init", "--directory", str(tmp_path), "--bucket", "b"]) == 2
    assert "--s3" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
