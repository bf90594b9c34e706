"""YAML, known_hosts, certificates and files to show, whatever text they are: read or refused, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest
import yaml
from hypothesis import given

from unit.hostile.mutations import BUDGET, SMALL_BUDGET, mutated, mutated_text, returned
from unit.pki.conftest import make_cluster
from windlass.domain import yamltext
from windlass.domain.backup.versions import written_by
from windlass.domain.masking import mask_text, shown_lines
from windlass.domain.pki import issue_pki
from windlass.domain.pki.check import check_certificate
from windlass.domain.pki.compare import certificate_difference
from windlass.domain.spec import load_cluster
from windlass.domain.spec.plain_secrets import _COMMAND_PATTERNS
from windlass.domain.spec.plain_secrets import _found as found_in
from windlass.domain.yamlbounds import MAX_DEPTH
from windlass.domain.yamltext import compose_yaml, parse_yaml, read_all_yaml, read_yaml
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.host_keys import HostKey, keys_of, verify
from windlass.errors import SpecError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
COMPOSE = """x-common: &common {restart: always, labels: {io.windlass.version: v1.37.2}}
services:
  kube-apiserver:
    <<: *common
    image: "192.0.2.1:5000/kube-apiserver@sha256:0"
    mem_limit: 0x10
    started: 2026-11-24 12:00:00
    ports: [6443, 1:30, 0o17, .inf, ~, yes]
"""
SPEC = """apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane], labels: &a {x: y}}
      - {name: w-1, address: 192.0.2.21, roles: [worker], labels: *a}
  network: {podCidr: 10.244.0.0/16}
  manifests: [{name: a, content: "apiVersion: v1\\nkind: ConfigMap\\n"}]
"""


def laughs(levels: int, *, merges: bool = False) -> str:
    """Return a text of few bytes that unfolds tenfold at each level."""
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, levels):
        ten = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} {{<<: [{ten}]}}" if merges else f"a{level}: &a{level} [{ten}]")
    return "\n".join(lines)


HOSTILE = {
    "aliases": laughs(9),
    "merged aliases": laughs(9, merges=True),
    "an alias of itself": "a: &a [*a]",
    "nested lists": "[" * 100_000,
    "nested lists that end": "[" * 5000 + "]" * 5000,
    "nested mappings": "{a: " * 100_000,
    "nested blocks": "- " * 200_000,
    "a number of base 60": "a: " + "1" + ":59" * 200_000,
    "a number without end": "a: " + "9" * 100_000,
    "a month that is none": "a: 2026-13-45",
    "a float that is none": "!!float x",
    "a truth that is none": "!!bool perhaps",
    "half a character": "a: \ud800",
    "a key that is a list": "? [a]\n: b",
    "a tag of Python": "!!python/object/apply:os.system [id]",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_yaml_is_refused(text: str) -> None:
    for read in (read_yaml, lambda one: list(read_all_yaml(one))):
        with pytest.raises(yaml.YAMLError):
            read(text)
    with pytest.raises(SpecError, match="manifest a"):
        parse_yaml("manifest a", text)


@pytest.mark.parametrize("name", ["aliases", "merged aliases", "nested lists", "nested blocks"])
def test_hostile_yaml_is_given_up_on_after_a_few_of_its_events(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, events = 0, yaml.parse

    def counted(*arguments: Any, **known: Any) -> Any:
        nonlocal seen
        for event in events(*arguments, **known):
            seen += 1
            yield event

    monkeypatch.setattr(yamltext.yaml, "parse", counted)
    with pytest.raises(yaml.YAMLError):
        compose_yaml(HOSTILE[name])
    assert seen <= 1000


def test_what_is_within_the_bounds_is_read() -> None:
    assert read_yaml(COMPOSE)["services"]["kube-apiserver"]["restart"] == "always"
    assert read_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert len(read_yaml("[" + "1, " * 5000 + "1]")) == 5001
    assert list(read_all_yaml("a: &a 1\nb: *a\n---\na: 2\n")) == [{"a": 1, "b": 1}, {"a": 2}]


@given(text=mutated_text([COMPOSE]))
@BUDGET
def test_yaml(text: str) -> None:
    for read in (read_yaml, lambda one: list(read_all_yaml(one)), compose_yaml):
        try:
            read(text)
        except yaml.YAMLError:
            continue
    returned(lambda: parse_yaml("compose.yaml", text))


@given(data=mutated([COMPOSE.encode()]))
@BUDGET
def test_compose_files_from_hosts(data: bytes) -> None:
    found = written_by("v1.36.3", {"cp-1": {"/etc/windlass/stacks/control-plane/compose.yaml": data}})
    assert found.startswith("v1.")


@given(text=mutated_text([SPEC]))
@SMALL_BUDGET
def test_stored_specs(text: str) -> None:
    returned(lambda: load_cluster(text, "stored spec of demo"))


@given(
    text=mutated_text([COMPOSE, '{"auths": {"a": {"password": "x"}}, "b": [1, null]}', '[plugins]\n  token = "x"\n'])
)
@BUDGET
def test_files_that_are_shown_in_plans(text: str) -> None:
    for path in ("/etc/a.yaml", "/etc/a.json", "/etc/a.toml", "/etc/a.conf"):
        lines = shown_lines(path, text)
        assert lines is None or sum(map(len, lines)) <= 50 * len(text) + 1000


KNOWN = [
    "192.0.2.4 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== comment",
    "|1|AAAA|BBBB ssh-rsa AAAA",
    "[192.0.2.4]:22,w-1,!w-2,*.example ssh-ed25519 AAAA",
]


@given(line=mutated_text(KNOWN))
@BUDGET
def test_known_hosts(line: str) -> None:
    target = SshTarget("w-1", "192.0.2.4", "ops", "key", known_hosts=(line,))
    returned(lambda: keys_of(target))
    returned(lambda: verify(target, HostKey("ssh-ed25519", b"key")))


PKI = issue_pki(make_cluster(), NOW)
PEM = next(iter(PKI.leaves.values())).certificate.encode()
AUTHORITY = next(iter(PKI.authorities.values())).certificate


@pytest.mark.filterwarnings("ignore:Parsed a (negative )?serial number")
@given(pem=mutated([PEM, PEM + PEM]))
@BUDGET
def test_certificates(pem: bytes) -> None:
    certificate_difference(pem, PEM)
    certificate_difference(PEM, pem)
    check_certificate(pem.decode(errors="replace"), AUTHORITY, ["cp-1"], NOW)
    check_certificate(PEM.decode(), pem.decode(errors="replace"), ["cp-1"], NOW)


@pytest.mark.parametrize(
    "unit", ["a", "a_", "aA", "a.", "a-", "a ", "a://", "a=", "://", "@", "a:", " -u a", "Basic ", "`a"]
)
@pytest.mark.parametrize("judge", [mask_text, lambda text: found_in(text, _COMMAND_PATTERNS)])
def test_a_long_line_is_judged_in_time_that_grows_with_it_alone(judge: Callable[[str], object], unit: str) -> None:
    line = unit * (60_000 // len(unit))
    began = process_time()
    judge(line)
    assert process_time() - began < 2
