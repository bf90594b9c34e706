"""What a host prints for an audit, how that is read, and what the command makes of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from windlass.cli.main import main
from windlass.domain.hardening import BENCHMARK, CONTROLS, AuditReport, ControlFinding, FileAccess, Outcome, Verdict
from windlass.domain.remote import AuditArguments
from windlass.domain.scripts.audit_host import audit_script, parse_audit
from windlass.domain.spec.models import Host
from windlass.errors import IntegrityError, NotReadyError
from windlass.operations.commands import inspecting

ROOT = Path(__file__).parents[3]
HOST = Host.model_validate({"name": "cp-1", "address": "192.0.2.1", "roles": ["control-plane"]})
IDS = {
    "1.1": 21, "1.2": 30, "1.3": 7, "1.4": 2, "2": 7, "3.1": 3, "3.2": 2, "4.1": 10, "4.2": 14, "4.3": 1,
    "5.1": 13, "5.2": 12, "5.3": 2, "5.4": 2, "5.5": 1, "5.6": 4,
}  # fmt: skip
"""How many controls each section of the benchmark has."""
DOCKER = """#!/bin/sh
case "$*" in *windlass-kube-apiserver) echo '["--profiling=false","--v=1"]' ;; *) exit 1 ;; esac
"""
SYSTEMCTL = "#!/bin/sh\necho $$\n"
ANSWER = """file=600 root:root /etc/windlass/pki/a b.key
args=kube-scheduler ["--profiling=false","--allow"]
kubelet=runs
kubelet_arg=--config=/etc/windlass/kubelet/config.yaml
document=kubelet e3JlYWRPbmx5UG9ydDogMH0=
provider=secretbox
provider=identity
proxy_metrics=0100007F:2809
complete=yes
"""


def test_every_control_of_the_benchmark_stands_there_once_and_in_order() -> None:
    desired = [f"{section}.{number}" for section, count in IDS.items() for number in range(1, count + 1)]
    assert [one.id for one in CONTROLS] == desired


def test_a_control_has_a_check_or_says_why_it_has_none() -> None:
    assert [one.id for one in CONTROLS if not (one.host or one.api or one.reason)] == []


def test_the_page_lists_every_control_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--controls"]) == 0
    table = capsys.readouterr().out.strip()
    advice = "put what `windlass audit --controls` prints at the end of docs/hardening.md"
    assert (ROOT / "docs" / "hardening.md").read_text().endswith(f"{table}\n"), advice


def test_what_a_host_prints_is_read() -> None:
    told = parse_audit(ANSWER, HOST)
    assert told.files == {"/etc/windlass/pki/a b.key": FileAccess(0o600, "root:root")}
    assert told.flags == {
        "kube-scheduler": {"profiling": "false", "allow": "true"},
        "kubelet": {"config": "/etc/windlass/kubelet/config.yaml"},
    }
    assert told.documents == {"kubelet": {"readOnlyPort": 0}}
    assert (told.providers, told.proxy_metrics) == (("secretbox", "identity"), ("0100007F:2809",))


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (ANSWER.removesuffix("complete=yes\n"), NotReadyError, "cut short"),
        (f"file=x\n{ANSWER}", IntegrityError, "cp-1: what it says of itself"),
        (f"args=etcd [\n{ANSWER}", IntegrityError, "cp-1: what it says of itself"),
        (f"document=kubelet WzFd\n{ANSWER}", IntegrityError, "config.yaml is no mapping"),
    ],
)
def test_an_answer_of_another_form_is_a_clear_error(answer: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        parse_audit(answer, HOST)


def test_a_shell_runs_it_and_tells_what_is_there(tmp_path: Path) -> None:
    for name, text in {"docker": DOCKER, "systemctl": SYSTEMCTL}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    script = audit_script()
    done = subprocess.run(script.argv, input=script.stdin, capture_output=True, env=environment, check=True)
    assert parse_audit(done.stdout.decode(), HOST).flags["kube-apiserver"] == {"profiling": "false", "v": "1"}


def report(outcome: Outcome) -> AuditReport:
    return AuditReport("demo", (ControlFinding(CONTROLS[0], {"cp-1": Verdict(outcome, ("it is open",))}),))


@pytest.mark.parametrize(
    ("outcome", "code"), [(Outcome.PASS, 0), (Outcome.EXPLAINED, 0), (Outcome.FAIL, 1), (Outcome.UNKNOWN, 1)]
)
def test_the_command_fails_just_if_something_is_to_be_done(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome, code: int
) -> None:
    shown: list[str] = []
    context: Any = SimpleNamespace(open_run=object, show=shown.append)
    monkeypatch.setattr(inspecting, "audit_cluster", lambda _: report(outcome))
    assert inspecting.audit(context, AuditArguments()) == code
    assert inspecting.audit(context, AuditArguments(as_json=True)) == code
    text, document = shown[0], json.loads(shown[1])
    assert f"{outcome.name:<10}1.1.1" in text
    assert ("cp-1: it is open" in text) is (code == 1)
    assert (document["benchmark"], document["counts"][outcome.value]) == (BENCHMARK, 1)
    assert document["controls"][0]["places"]["cp-1"]["outcome"] == outcome.value


def test_without_a_cluster_it_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit"]) == 2
    assert "windlass audit CLUSTER" in capsys.readouterr().err
