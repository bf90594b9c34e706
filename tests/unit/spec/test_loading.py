from __future__ import annotations

import pytest

from windlass.domain.spec import Known, load_cluster
from windlass.domain.spec.document import MAX_BYTES, MAX_CHARACTERS
from windlass.errors import SpecError

GOOD = """\
apiVersion: windlass/v1
kind: Cluster
metadata:
  name: demo
spec:
  kubernetes:
    version: v1.37.2
  hosts:
    members:
      - name: cp-1
        address: 192.0.2.11
        roles: [etcd, control-plane, worker]
"""


def complaints(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_cluster(text, "demo.yaml", Known(["v1.36.3", "v1.37.2"]))
    return str(caught.value).splitlines()


def test_reads_what_is_given_and_fills_in_what_is_not() -> None:
    cluster = load_cluster(GOOD, "demo.yaml", Known(["v1.37.2"]))

    assert cluster.name == "demo"
    assert cluster.spec.hosts.members[0].roles == ("etcd", "control-plane", "worker")
    assert cluster.spec.artifacts.source == "auto"
    assert cluster.spec.backup.drill.schedule == "30 3 * * *"


def test_tells_every_problem_at_once_with_its_line() -> None:
    text = """\
apiVersion: windlass/v1
kind: Clutser
metadata:
  name: Demo
spec:
  kubernetes: {version: v1.37.9}
  hosts:
    ssh:
      prot: 22
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plan]}
      - {name: cp-2, address: 192.0.2.11, roles: [etcd]}
  network:
    podCidr: 10.244.0.1/16
  repair: {enabled: yes}
"""

    assert complaints(text) == [
        "demo.yaml:2: kind: `Clutser` is not known here; write `Cluster`",
        (
            "demo.yaml:4: metadata.name: `Demo` is no valid name (RFC 1123); use lower-case letters, digits and `-`, "
            "begin and end with a letter or digit, such as `demo`"
        ),
        (
            "demo.yaml:6: spec.kubernetes.version: the catalog has no Kubernetes `v1.37.9`; did you mean `v1.37.2`? "
            "known are v1.36.3, v1.37.2"
        ),
        "demo.yaml:9: spec.hosts.ssh.prot: unknown key `prot`; did you mean `port`?",
        (
            "demo.yaml:11: spec.hosts.members[0].roles[1]: `control-plan` is not known here; did you mean "
            "`control-plane`? it is one of etcd, control-plane, worker"
        ),
        (
            "demo.yaml:12: spec.hosts.members[1].address: `cp-1` has the address 192.0.2.11 too; "
            "give each host its own address"
        ),
        (
            "demo.yaml:14: spec.network.podCidr: `10.244.0.1/16` is no range of IP addresses; "
            "did you mean `10.244.0.0/16`?"
        ),
        "demo.yaml:15: spec.repair.enabled: `yes` is not true or false; write true or false, without quotes",
    ]


def test_does_not_blame_the_roles_that_a_wrong_role_left_out() -> None:
    text = GOOD.replace("control-plane, worker", "contro-plane")

    assert len(complaints(text)) == 1
    assert "roles[1]" in complaints(text)[0]


def test_a_missing_key_is_told_at_the_line_of_what_lacks_it() -> None:
    text = GOOD.replace("        roles: [etcd, control-plane, worker]\n", "")

    assert complaints(text) == [
        "demo.yaml:10: spec.hosts.members[0].roles: it is missing; expected is: What the host is for; one or several"
    ]


def test_a_key_of_another_section_is_told_where_it_belongs() -> None:
    text = GOOD + "  podCidr: 10.244.0.0/16\n"

    assert complaints(text) == [
        "demo.yaml:13: spec.podCidr: unknown key `podCidr`; what is known is `spec.network.podCidr`"
    ]


def test_names_of_attributes_are_no_keys() -> None:
    text = GOOD + "  etcd:\n    allow_even: true\n"

    assert complaints(text) == [
        "demo.yaml:14: spec.etcd.allow_even: unknown key `allow_even`; did you mean `allowEven`?"
    ]


def test_a_key_given_twice_is_refused_with_both_lines() -> None:
    text = GOOD + "  etcd: {}\n  dns: {}\n  etcd: {allowEven: true}\n"

    assert complaints(text) == ["demo.yaml:15: spec.etcd: the key is given twice, first on line 13; keep one"]


@pytest.mark.parametrize(
    "word", ["no", "on", "yes", "off", "y", "2026-11-23", "12:30", "010", "1_000", "0x10", "1e", "="]
)
def test_words_that_yaml_1_1_would_convert_stay_words(word: str) -> None:
    text = GOOD + f"  components:\n    kubelet:\n      extraArgs:\n        flag: {word}\n"

    assert load_cluster(text, "demo.yaml").spec.components["kubelet"].extra_args["flag"] == word


@pytest.mark.parametrize(("value", "quoted"), [("true", '"true"'), ("5", '"5"'), ("1.37", '"1.37"')])
def test_what_is_no_text_is_asked_to_be_quoted(value: str, quoted: str) -> None:
    text = GOOD.replace("v1.37.2", value)

    assert complaints(text) == [
        f"demo.yaml:7: spec.kubernetes.version: `{value}` is not text; write it in quotes: {quoted}"
    ]


@pytest.mark.parametrize(
    ("text", "line", "wrong"),
    [
        ("", 1, "it is empty"),
        ("# nothing but a comment\n", 1, "it is empty"),
        ("a: [1, 2\n", 2, "no YAML that can be read"),
        ("a: b\n c: d\n", 2, "no YAML that can be read"),
        ("a: \x00\n", 1, "no YAML"),
        (GOOD + "---\n" + GOOD, 13, "a second document starts here"),
        ("a: &a [*a]\n", 1, "unfold"),
        ("a: &a [*a, *a]\n", 1, "unfold"),
        ("a: " + "[" * 100_000, 1, "nested deeper"),
        ("a: " + "x" * MAX_BYTES, 1, "larger than"),
    ],
)
def test_what_is_no_sound_yaml_is_refused_at_its_line(text: str, line: int, wrong: str) -> None:
    (message,) = complaints(text)

    assert message.startswith(f"demo.yaml:{line}: the document: ")
    assert wrong in message


def test_aliases_that_unfold_to_millions_of_values_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    (message,) = complaints("\n".join(lines))

    assert "unfold to more than" in message


def test_aliases_that_write_one_long_text_over_and_over_are_refused() -> None:
    (message,) = complaints(f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 11)}]\n")
    assert f"or {MAX_CHARACTERS} characters" in message
    (message,) = complaints(f"a: &a {{? {'x' * 100_000} : 1}}\nb: [{', '.join(['*a'] * 11)}]\n")
    assert f"or {MAX_CHARACTERS} characters" in message


def test_an_alias_that_is_used_with_measure_is_followed() -> None:
    text = GOOD + "  backup: {pin: &ids [20261123T074500Z-r1042]}\n  upgrade: {hooks: {before: *ids}}\n"

    assert load_cluster(text, "demo.yaml").spec.upgrade.hooks.before == ("20261123T074500Z-r1042",)


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!binary", "!secret"])
def test_tags_are_refused(tag: str) -> None:
    (message,) = complaints(GOOD.replace("name: demo", f"name: {tag} demo"))

    assert message.startswith("demo.yaml:4: metadata.name: the tag")


def test_keys_that_are_no_text_are_asked_to_be_quoted() -> None:
    text = GOOD + "  components: {1: {}, true: {}}\n"

    assert [message.partition(": the key ")[2] for message in complaints(text)] == [
        '`1` is no text; write "1" in quotes',
        '`true` is no text; write "true" in quotes',
    ]


@pytest.mark.parametrize("text", ["5", "[]", "text", "~", "spec: null"])
def test_a_document_of_another_form_is_refused_not_fallen_over(text: str) -> None:
    assert complaints(text)


def test_contents_of_manifests_are_not_shown() -> None:
    text = GOOD + "  manifests:\n    - name: secret\n      content: {password: hunter2}\n"

    assert "hunter2" not in "\n".join(complaints(text))


def test_a_problem_is_one_plain_line_whatever_a_key_holds() -> None:
    (message,) = complaints(GOOD + '  etcd: {"a\\r\\nb\\e[31m": 1}\n')

    assert r"unknown key `a\r\nb\x1b[31m`" in message


@pytest.mark.parametrize("given", ["1", "20%"])
def test_a_surge_has_left_the_spec_and_is_refused_with_file_and_line(given: str) -> None:
    text = GOOD + f"  upgrade:\n    maxSurge: {given}\n"
    line = len(text.splitlines())
    with pytest.raises(
        SpecError, match=rf"demo\.yaml:{line}: spec\.upgrade\.maxSurge: .*has left the spec; take it out"
    ):
        load_cluster(text, "demo.yaml", Known(["v1.37.2"]))
    assert load_cluster(text, "stored spec of demo") == load_cluster(GOOD, "stored spec of demo")


@pytest.mark.parametrize("given", ["0", "0%"])
def test_no_surge_is_passed_over(given: str) -> None:
    text = GOOD + f"  upgrade:\n    maxSurge: {given}\n"
    assert load_cluster(text, "demo.yaml", Known(["v1.37.2"])) == load_cluster(GOOD, "demo")
