"""`windlass store` as a person uses it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from unit.store.stores import new_keys, opened
from windlass.airflow import connections, services
from windlass.cli import remote
from windlass.cli.main import main
from windlass.domain.artifacts import Lock
from windlass.domain.authenticity import RecordKeys
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.effects.store.keys import accepted_lock_key, spec_key
from windlass.operations.secrets import SpecSecrets, no_secrets
from world.specs import SMALL

MASTERS = new_keys()


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    raw = MemoryStore()
    built = SimpleNamespace(keys=MASTERS, secrets=SpecSecrets(no_secrets))
    monkeypatch.setattr(services, "airflow_services", lambda: built)
    monkeypatch.setattr(connections, "open_unchecked_store", lambda: raw)
    monkeypatch.setattr(remote, "person", lambda: "ops")
    return raw


def test_an_unsigned_store_is_listed_then_signed_then_checked(
    raw: MemoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    ClusterRecords(raw, "demo").save_spec("spec: one\n")

    assert main(["store", "check"]) == 3
    assert "windlass store sign" in capsys.readouterr().err
    assert main(["store", "sign", "--plan-only"]) == 0
    assert f"{spec_key('demo')} (10 bytes)\n1 objects would be" in capsys.readouterr().out
    assert main(["store", "sign"]) == 0
    assert "1 objects were accepted and signed" in capsys.readouterr().out
    assert main(["store", "sign"]) == 3
    assert main(["store", "check"]) == 0
    assert "no objects are other" in capsys.readouterr().out


def test_what_was_put_back_is_named_and_can_be_accepted(raw: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    records = ClusterRecords(opened(raw, MASTERS), "demo")
    records.save_spec("spec: one\n")
    before = raw.get(spec_key("demo"))
    assert before is not None
    records.save_spec("spec: two\n")
    raw.put(spec_key("demo"), before.data)

    assert main(["store", "check"]) == 1
    assert "an older one was put back" in capsys.readouterr().out
    assert main(["store", "accept", "demo"]) == 0
    assert spec_key("demo") in capsys.readouterr().out
    assert main(["store", "check"]) == 0


def test_a_catalog_that_was_put_back_can_be_accepted_by_name_alone(
    raw: MemoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    locks = AcceptedLocks(opened(raw, MASTERS), MASTERS)
    key = accepted_lock_key("http://192.0.2.9")
    locks.accept("http://192.0.2.9", Lock("modules", {}), "ops")
    before = raw.get(key)
    assert before is not None
    locks.accept("http://192.0.2.9", Lock("official", {}), "ops")
    raw.put(key, before.data)

    assert main(["store", "check"]) == 1
    assert f"{key} in the store: an older one was put back" in capsys.readouterr().out
    for wrong in ([], ["demo", "--catalog"]):
        with pytest.raises(SystemExit):
            main(["store", "accept", *wrong])
    assert main(["store", "accept", "--catalog"]) == 0
    assert "1 objects of the catalog were other than known" in capsys.readouterr().out
    assert main(["store", "check"]) == 0


@pytest.mark.parametrize(("word", "signs"), [("reading-key", False), ("record-key", True)])
def test_a_key_is_printed_for_whoever_gets_no_master_key(
    raw: MemoryStore, capsys: pytest.CaptureFixture[str], word: str, *, signs: bool
) -> None:
    assert main(["store", word]) == 0

    (key,) = RecordKeys.parse(capsys.readouterr().out).keys
    assert key.public == RecordKeys.of(MASTERS).keys[0].public
    assert (key.private is not None) is signs


def test_a_copy_that_cannot_be_read_is_told(raw: MemoryStore, tmp_path: Path) -> None:
    assert main(["store", "restore-pki", "demo", str(tmp_path / "missing")]) == 4


def test_a_stored_spec_that_nobody_can_read_is_printed_corrected_and_written_down(
    raw: MemoryStore, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    broken, file = SMALL.replace("hosts:", "hots:"), tmp_path / "demo.yaml"
    records = ClusterRecords(opened(raw, MASTERS), "demo")
    records.save_spec(broken)

    assert main(["store", "spec", "demo"]) == 0
    assert capsys.readouterr().out == broken
    file.write_text(broken)
    assert main(["store", "spec", "demo", "--write", str(file)]) == 2
    assert "spec.hots: unknown key `hots`" in capsys.readouterr().err
    file.write_text(SMALL)
    assert main(["store", "spec", "demo", "--write", str(file)]) == 0
    assert records.spec() == SMALL
    (event,) = ServiceLog(raw, "demo").newest()
    assert "the stored spec was corrected, by ops" in event.text
    assert main(["store", "spec", "demo", "--write", str(file)]) == 0
    assert "nothing changed" in capsys.readouterr().out
    assert main(["store", "check"]) == 0


@pytest.mark.parametrize(("stored", "told"), [("demo", "it is of `demo`"), ("", "no spec of that cluster")])
def test_a_spec_is_written_over_no_other_cluster_and_makes_none(
    raw: MemoryStore, capsys: pytest.CaptureFixture[str], tmp_path: Path, stored: str, told: str
) -> None:
    file = tmp_path / "demo.yaml"
    file.write_text(SMALL)
    records = ClusterRecords(opened(raw, MASTERS), "other" if stored else "demo")
    if stored:
        records.save_spec("spec: one\n")
    assert main(["store", "spec", records.cluster, "--write", str(file)]) == 3
    assert told in capsys.readouterr().err
    assert records.spec() == ("spec: one\n" if stored else None)
