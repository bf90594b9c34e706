"""What the writer of a spec wrote freely is told by path and fingerprint, in changes and in what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import Cluster, diff_clusters, load_cluster
from windlass.errors import SpecError

Changed = Callable[[dict[str, Any]], Cluster]
WORD = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.manifests", [{"name": "app", "content": f"a: {WORD}"}]),
        ("spec.stacks", [{"name": "db", "values": {"note": WORD, "nested": [WORD]}}]),
        ("spec.hosts.settings", {"account": WORD}),
        ("spec.upgrade.hooks.before", [f"echo {WORD}"]),
        ("spec.upgrade.hooks.environment", {"NOTE": WORD}),
        ("spec.components.kube-apiserver.extraArgs", {"some-token": WORD}),
        ("spec.artifacts.mirror", f"http://ops:{WORD}@mirror"),
    ],
)
def test_a_change_shows_its_path_and_no_text(changed: Changed, path: str, value: Any) -> None:
    old = changed({})
    new = changed({path: value})
    for before, after in ((old, new), (new, old)):
        (change,) = diff_clusters(before, after)
        assert WORD not in str(change)
        assert path.startswith(".".join(map(str, change.path[:2])))


def test_fingerprints_tell_two_texts_apart_and_are_no_digests_of_them(changed: Changed) -> None:
    keys = MasterKeys.parse(new_master_key().reveal())
    texts = [{"spec.manifests": [{"name": "app", "content": one}]} for one in ("a: 1", "a: 2")]
    (change,) = diff_clusters(changed(texts[0]), changed(texts[1]))

    told = change.told(lambda text: keys.fingerprint("demo", text)[:12])

    first, second = (keys.fingerprint("demo", one)[:12] for one in ("a: 1", "a: 2"))
    assert told == f"spec.manifests.app.content: 'text {first}' -> 'text {second}'"
    assert keys.fingerprint("other", "a: 1")[:12] != first
    assert MasterKeys.parse(new_master_key().reveal()).fingerprint("demo", "a: 1")[:12] != first


def test_numbers_switches_and_references_are_shown(changed: Changed) -> None:
    old = changed(
        {"spec.stacks": [{"name": "db", "values": {"port": 80, "on": True, "password": {"fromVariable": "a"}}}]}
    )
    new = changed(
        {"spec.stacks": [{"name": "db", "values": {"port": 81, "on": False, "password": {"fromVariable": "b"}}}]}
    )
    assert [str(one) for one in diff_clusters(old, new)] == [
        "spec.stacks.db.values.port: 80 -> 81",
        "spec.stacks.db.values.on: True -> False",
        "spec.stacks.db.values.password.fromVariable: 'a' -> 'b'",
    ]


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("upgrade", {"hooks": {"before": f"TOKEN={WORD}"}}),
        ("upgrade", {"hooks": {"environment": f"TOKEN={WORD}"}}),
        ("upgrade", {"hooks": WORD + "://"}),
        ("manifests", [{"name": "app", "content": 1234567}]),
        ("stacks", [{"name": "db", "values": WORD}]),
        ("hosts", {"settings": WORD, "members": []}),
        ("artifacts", {"mirror": f"http://ops:{WORD}@mirror:8080"}),
        ("etcd", {"quotaBytes": f"https://ops:{WORD}@example.com"}),
    ],
)
def test_what_is_wrong_is_told_without_the_value(document: dict[str, Any], where: str, value: Any) -> None:
    document["spec"][where] = value
    with pytest.raises(SpecError) as refusal:
        load_cluster(yaml.safe_dump(document), "new")
    assert WORD not in str(refusal.value)
    assert "1234567" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_value_that_does_not_fit_its_tag_is_not_quoted() -> None:
    with pytest.raises(SpecError) as refusal:
        load_cluster(f"spec: {{etcd: {{quotaBytes: !!int {WORD}}}}}", "new")
    assert WORD not in str(refusal.value)
