from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.bounded import LINES, WIDTH
from windlass.domain.host.layout import DOCKER_DAEMON, ENCRYPTION_CONFIG, KUBECONFIGS, KUBELET_CONFIG, PKI, SYSTEMD
from windlass.domain.masking import HIDDEN, is_secret_name, mask_api_message, mask_document, mask_flag, shown_lines
from windlass.domain.rollout.content_diff import file_difference, service_difference

NAMES = [
    "token",
    "DB_PASSWORD",
    "DB_PASS",
    "apiKey",
    "api-key",
    "client_secret",
    "AWS_SECRET_ACCESS_KEY",
    "auth",
    "identitytoken",
    "credentials",
    "bootstrapToken",
    "pass_phrase_passphrase",
    "sessionCookie",
]
SECRETS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/", min_size=12, max_size=40).map(
    lambda text: f"S3{text}"
)
LINE_FORMS = [
    "{name}={secret}",
    '{name} = "{secret}"',
    "{name}: {secret}",
    "Environment={name}={secret}",
    'Environment="{name}={secret} and {secret}"',
    "ExecStart=/usr/bin/x --{name}={secret} --v=2",
    "ExecStart=/usr/bin/x --{name} {secret} \\\n  {secret} \\\n  --v=2\nRestart=always",
    "ExecStart=/usr/bin/x --{name} \\\n  {secret}\nRestart=always",
    "{name}:\n  {secret}\nother: 1",
    "{name}: |\n  first\n\n  {secret}\nother: 1",
    "{name}:\n- {secret}\n- {secret}\nother: 1",
    "--{name}\n{secret}",
    "proxy=https://me:{secret}@192.0.2.1:3128",
    "header Authorization: Bearer {secret}",
    'http-request set-header Authorization "Basic {secret}"',
    "user admin {name} {secret}",
    "ExecStart=/usr/bin/curl -u admin:{secret} https://example.com",
    "ExecStart=/usr/bin/curl --user=admin:{secret} https://example.com",
    "Environment=A=1 \\\n  {name}={secret} \\\n  B=2",
    "-----BEGIN EC PRIVATE KEY-----\n{secret}\n-----END EC PRIVATE KEY-----",
]
PATHS = [f"{SYSTEMD}/kubelet.service", "/etc/windlass/stacks/api-proxy/haproxy.cfg", "/etc/example/x.env"]


@st.composite
def documents(draw: st.DrawFn, secret: str) -> Any:
    """Give a document with a secret in one of the places where such files have one."""
    name = draw(st.sampled_from(NAMES))
    place = draw(
        st.sampled_from(
            [
                {name: secret},
                {name: [secret, {"inner": secret}]},
                {name: {"deep": {"er": secret}}},
                {name: {secret: "is a key"}},
                {"env": [{"name": name, "value": secret}]},
                {"env": [{"value": secret, "name": name}]},
                {"command": ["x", f"--{name}={secret}", "--v=2"]},
                {"command": ["x", f"--{name}", secret]},
                {"environment": [f"{name}={secret}"]},
                {"environment": {name: secret}},
                {"proxy": f"http://me:{secret}@192.0.2.1"},
                {"header": {"Authorization": [f"Basic {secret}"]}},
                {"script": f"set -e\nexport {name}={secret}\nrun"},
                {"pem": f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n"},
            ]
        )
    )
    around = draw(st.dictionaries(st.sampled_from(["a", "b"]), st.integers() | st.booleans() | st.none()))
    return {**around, "part": draw(st.sampled_from([place, [place], {"x": place}]))}


@given(
    name=st.sampled_from(NAMES),
    form=st.sampled_from(LINE_FORMS),
    path=st.sampled_from(PATHS),
    old=SECRETS,
    new=SECRETS,
    is_new=st.booleans(),
)
def test_no_secret_of_a_file_is_shown_whichever_way_it_is_written(
    name: str, form: str, path: str, old: str, new: str, *, is_new: bool
) -> None:
    lines = [
        f"# a file\n{form.format(name=name, secret=secret)}\nlast = {number}\n"
        for number, secret in enumerate((old, new))
    ]
    told = "\n".join(file_difference(path, None if is_new else lines[0].encode(), lines[1].encode()))
    assert old not in told
    assert new not in told


@given(st.data(), st.sampled_from(["yaml", "json", "conflist"]), SECRETS, SECRETS)
def test_no_secret_of_a_document_is_shown_wherever_it_stands(
    data: st.DataObject, suffix: str, old: str, new: str
) -> None:
    dump = yaml.safe_dump if suffix == "yaml" else json.dumps
    before, after = (dump(data.draw(documents(secret))).encode() for secret in (old, new))
    told = "\n".join(file_difference(f"/etc/example/x.{suffix}", before, after))
    assert old not in told
    assert new not in told


@given(st.sampled_from(NAMES), SECRETS, SECRETS)
def test_no_secret_of_a_service_is_shown(name: str, old: str, new: str) -> None:
    def service(secret: str) -> dict[str, Any]:
        return {
            "image": "x",
            "command": ["run", f"--{name}={secret}", f"--url=https://me:{secret}@192.0.2.1", "--v=2"],
            "environment": {name: secret},
        }

    told = "\n".join(service_difference(service(old), service(new)))
    assert old not in told
    assert new not in told
    assert told or old == new


@pytest.mark.parametrize("path", [f"{PKI}/ca.crt", f"{KUBECONFIGS}/kubelet.conf", ENCRYPTION_CONFIG])
def test_what_lies_where_secrets_lie_is_not_shown(path: str) -> None:
    assert file_difference(path, b"one\n", b"two\n") == ("its content is secret: it differs",)
    assert shown_lines(path, "one") is None


@pytest.mark.parametrize("name", NAMES)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["service-account-signing-key-file", "tlsPrivateKeyFile", "audit-log-maxage", "authentication", "monkey", "v", ""],
)
def test_names_that_only_look_like_it(name: str) -> None:
    assert not is_secret_name(name)


def test_a_path_of_windlass_is_shown_whatever_its_name() -> None:
    assert mask_flag(f"--kubelet-client-key={PKI}/x.key") == ("--kubelet-client-key", f"{PKI}/x.key")
    assert mask_flag("--kubelet-client-key=/tmp/x") == ("--kubelet-client-key", HIDDEN)


def test_what_is_no_secret_is_shown() -> None:
    document = {"authorization": {"mode": "Webhook"}, "maxPods": 110, "rotate": True, "nothing": None, "token": None}
    assert mask_document(document) == document


def test_a_changed_setting_is_shown_with_what_stands_around_it() -> None:
    old = "kind: KubeletConfiguration\nmaxPods: 110\nserverTLSBootstrap: true\n# why\n"
    told = file_difference(KUBELET_CONFIG, old.encode(), old.replace("110", "200").encode())
    assert told == (
        "@@ -1,3 +1,3 @@",
        " kind: KubeletConfiguration",
        "-maxPods: 110",
        "+maxPods: 200",
        " serverTLSBootstrap: true",
    )


def test_what_the_owner_of_a_host_keeps_secret_in_daemon_json_stays_so() -> None:
    old = {"auths": {"registry.example.com": {"auth": "c2VjcmV0"}}, "log-driver": "journald"}
    new = {**old, "live-restore": True}
    told = file_difference(DOCKER_DAEMON, json.dumps(old).encode(), json.dumps(new).encode())
    assert told == ("@@ -1,2 +1,3 @@", f" auths: {HIDDEN}", " log-driver: journald", "+live-restore: true")


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("/etc/x.yaml", b"a: 1\n", b"a: 1 # the same\n"),
        ("/etc/x.json", b'{"token": "a"}', b'{"token": "b"}'),
        ("/etc/x.conf", b"password = a\n", b"password = b\n"),
    ],
)
def test_where_nothing_of_what_differs_may_be_shown_that_is_said(path: str, old: bytes, new: bytes) -> None:
    (told,) = file_difference(path, old, new)
    assert told.startswith("what differs is not shown")


@pytest.mark.parametrize(
    ("path", "new"), [("/etc/x.yaml", b"a: [\n"), ("/etc/x.json", b"{"), ("/etc/x", b"\xff\xfe"), ("/etc/x.toml", b"=")]
)
def test_what_cannot_be_read_is_not_shown(path: str, new: bytes) -> None:
    (told,) = file_difference(path, b"", new)
    assert told.endswith("it differs")


@given(st.lists(st.text(max_size=400), max_size=200), st.lists(st.text(max_size=400), max_size=200))
def test_a_difference_is_bounded_and_of_one_line_each(old: list[str], new: list[str]) -> None:
    told = file_difference(
        "/etc/x", "\n".join(old).encode("utf-8", "replace"), "\n".join(new).encode("utf-8", "replace")
    )
    assert len(told) <= LINES
    assert all(len(line) <= WIDTH + 50 and line.isprintable() for line in told)


def test_a_very_large_file_is_not_compared() -> None:
    assert file_difference("/etc/x", b"a", b"b" * 10**6) == ("too large to be compared: 1 -> 1000000 bytes",)


def test_flags_are_told_one_by_one() -> None:
    old = {
        "image": "etcd@sha256:" + "a" * 64,
        "command": ["etcd", "--a=1", "--b=1", "--c=1", "--c=2"],
        "labels": {"x": 1},
    }
    new = {
        "image": "etcd@sha256:" + "b" * 64,
        "command": ["etcd", "--b=2", "--c=1", "--d"],
        "labels": {"x": 2},
        "user": 1,
    }
    assert service_difference(old, new) == (
        f"image: etcd@sha256:{'a' * 12}… -> etcd@sha256:{'b' * 12}…",
        "- --a=1",
        "~ --b=1 -> 2",
        "~ --c=1, 2 -> 1",
        "+ --d",
        "@@ -1,2 +1,3 @@",
        "+user: 1",
        " command:",
        " - etcd",
    )
    assert service_difference(None, new) == ()
    assert service_difference(old, {**old, "labels": {"x": 2}}) == ()


@pytest.mark.parametrize("value", ['"sesame"', '"a \\"sesame\\" b: c"', "7654321"])
def test_what_an_api_server_quotes_of_an_object_is_not_shown(value: str) -> None:
    said = f'ConfigMap "a" is invalid: data.x: Invalid value: {value}: must be no such thing'
    shown = mask_api_message(said)
    assert "7654321" not in shown
    assert '"sesame' not in shown
    assert shown.startswith('ConfigMap "a" is invalid: data.x: Invalid value: (hidden)')
    assert shown.endswith(": must be no such thing")
