"""A new spec has no secret in clear: it would lie in the conf of runs. A stored one stays readable."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from windlass.domain.spec import Cluster, Known, load_cluster
from windlass.domain.spec.plain_secrets import is_sure_secret_name, plain_secrets
from windlass.errors import SpecError

NEW = Known(("v1.37.2",))
WORD = "hunter2-hunter2"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\n{}\n"
URL = f"https://ops:{WORD}@example.com/x"


def manifest(content: str) -> dict[str, Any]:
    return {"manifests": [{"name": "app", "content": content}]}


def hook(command: str) -> dict[str, Any]:
    return {"upgrade": {"hooks": {"before": [command]}}}


def settings(**given: Any) -> dict[str, Any]:
    return {"hosts": {"provider": "static", "settings": given}}


def spec_of(document: dict[str, Any], sections: dict[str, Any]) -> str:
    for name, section in sections.items():
        document["spec"][name] = {**document["spec"].get(name, {}), **section} if name == "hosts" else section
    return yaml.safe_dump(document)


@pytest.mark.parametrize(
    "sections",
    [
        manifest(SECRET.format(f"stringData: {{password: {WORD}}}")),
        manifest(SECRET.format("data: {password: aHVudGVyMi1odW50ZXIy}")),
        manifest(SECRET.format(f"data: {{a: {{fromVariable: windlass_secret_x}}}}\nstringData: {{b: {WORD}}}")),
        manifest(SECRET.format("data: {pin: 1234}")),
        manifest(
            "apiVersion: v1\nkind: List\nitems:\n"
            f"- {{apiVersion: v1, kind: Secret, metadata: {{name: a}}, data: {{b: {WORD}}}}}"
        ),
        manifest(
            SECRET.replace(
                "{{name: db}}", "{{name: db, annotations: {{kubectl.kubernetes.io/last-applied-configuration: x}}}}"
            ).format("")
        ),
        manifest(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{url: '{URL}'}}"),
        manifest("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: '-----BEGIN RSA PRIVATE KEY-----'}"),
        hook(f"curl -H 'Authorization: Bearer {WORD}' https://example.com"),
        hook(f"curl {URL}"),
        hook(f"DB_PASSWORD={WORD} /usr/local/bin/quiesce"),
        hook(f"vault login --token {WORD}"),
        hook(f"vault login --token={WORD}"),
        {"upgrade": {"hooks": {"before": ["true"], "environment": {"API_TOKEN": WORD}}}},
        {"upgrade": {"hooks": {"before": ["true"], "environment": {"PROXY": URL}}}},
        settings(apiToken=WORD),
        settings(login={"password": WORD}),
        settings(login={"password": 123456}),
        settings(endpoints=[URL]),
        {"stacks": [{"name": "db", "values": {"adminPassword": WORD}}]},
    ],
)
def test_a_secret_in_clear_is_refused_with_the_way_out_and_not_quoted(
    document: dict[str, Any], sections: dict[str, Any]
) -> None:
    text = spec_of(document, sections)
    with pytest.raises(SpecError, match="in clear") as refusal:
        load_cluster(text, "new", NEW)
    assert "{fromVariable: windlass_secret_NAME}" in str(refusal.value)
    assert not any(one in str(refusal.value) for one in (WORD, "aHVudGVy", "123456", "BEGIN"))

    load_cluster(text, "stored")  # an earlier Windlass accepted it


@pytest.mark.parametrize(
    "sections",
    [
        manifest(SECRET.format("stringData: {password: {fromVariable: windlass_secret_db}, empty: ''}")),
        manifest("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {url: 'https://example.com/a@b'}"),
        hook('DB_PASSWORD=$DB_PASSWORD /usr/local/bin/quiesce --token "$TOKEN" --token-file=/etc/x'),
        hook('curl -H "Authorization: Bearer $TOKEN" https://ops:${TOKEN}@example.com'),
        hook("kubectl label node $WINDLASS_HOST example.com/key=value"),
        {
            "upgrade": {
                "hooks": {
                    "before": ["true"],
                    "environment": {"TOKEN_FILE": "/etc/x", "API_TOKEN": {"fromVariable": "windlass_secret_t"}},
                }
            }
        },
        settings(keyName="ops", tokenUrl="https://example.com/token", passwordFile="/etc/x", secretName="db"),
        settings(password={"fromConnection": "cloud"}, token="/run/token", tokens=3),
        {"components": {"etcd": {"extraArgs": {"auth-token": "simple"}}}},
    ],
)
def test_what_only_reminds_of_a_secret_is_accepted(document: dict[str, Any], sections: dict[str, Any]) -> None:
    load_cluster(spec_of(document, sections), "new", NEW)


@pytest.mark.parametrize("name", ["password", "DB_PASSWORD", "apiToken", "client-secret", "secretAccessKey", "pass"])
def test_names_of_secrets(name: str) -> None:
    assert is_sure_secret_name(name)


@pytest.mark.parametrize("name", ["keyName", "secretName", "tokenUrl", "passwordFile", "bypass", "compass", "key"])
def test_names_of_no_secrets(name: str) -> None:
    assert not is_sure_secret_name(name)


def test_a_long_word_takes_no_longer_than_a_text(changed: Callable[[dict[str, Any]], Cluster]) -> None:
    cluster = changed({"spec.files": [{"path": "/etc/a", "content": "a" * 250_000}]})
    begun = time.process_time()
    assert list(plain_secrets(cluster)) == []
    assert time.process_time() - begun < 2
