"""Which admission webhooks refuse what a rollout does, and which are only to be mentioned."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.rollout.test_rollout_plan import OVERLAPPING, cluster
from windlass.domain.catalog import Drivers
from windlass.domain.rollout.webhooks import judge_webhooks, moving_webhooks, needed_groups
from windlass.domain.spec.models import Cluster

BARE = cluster(OVERLAPPING)
NEEDED = needed_groups(BARE, Drivers())
GATE = {"namespace": "policy", "name": "gate"}


def webhook(
    policy: str, service: dict[str, str] | None, groups: list[str] | None = None, url: str = "https://192.0.2.1/x?t=1"
) -> dict[str, Any]:
    client = {"service": service} if service else {"url": url}
    rules = {} if groups is None else {"rules": [{"apiGroups": groups, "resources": ["*"], "operations": ["*"]}]}
    hook = {"name": "check.example.org", "failurePolicy": policy, "clientConfig": client, **rules}
    return {"metadata": {"name": "policies"}, "webhooks": [hook]}


def test_a_webhook_that_fails_closed_without_anybody_behind_it_is_named() -> None:
    told = judge_webhooks([webhook("Fail", GATE)], frozenset(), NEEDED)
    assert told.blocking == ("check.example.org of policies (its service policy/gate has no endpoint)",)
    assert (told.unrelated, told.by_url) == ((), ())
    for hooks, ready in (([webhook("Fail", GATE)], {"policy/gate"}), ([webhook("Ignore", GATE)], set())):
        told = judge_webhooks(hooks, ready, NEEDED)
        assert (told.blocking, told.unrelated, told.by_url) == ((), (), ())


@pytest.mark.parametrize(
    ("groups", "blocks"),
    [
        ([""], True),
        (["*"], True),
        (["apps", "example.com"], True),
        (["coordination.k8s.io"], True),
        (["networking.k8s.io"], False),
        (["example.com"], False),
        ([], False),
    ],
)
def test_one_that_guards_only_what_no_rollout_writes_does_not_block(groups: list[str], *, blocks: bool) -> None:
    told = judge_webhooks([webhook("Fail", GATE, groups)], frozenset(), NEEDED)
    assert (len(told.blocking), len(told.unrelated)) == ((1, 0) if blocks else (0, 1))


def test_what_the_spec_brings_itself_is_written() -> None:
    document = BARE.model_dump(mode="json", by_alias=True)
    content = "{apiVersion: example.com/v1, kind: Thing, metadata: {name: a}}"
    document["spec"]["manifests"] = [{"name": "things", "content": content}]
    needed = needed_groups(Cluster.model_validate(document), Drivers())
    assert judge_webhooks([webhook("Fail", GATE, ["example.com"])], frozenset(), needed).blocking


def test_one_by_url_is_mentioned_without_what_may_be_secret() -> None:
    told = judge_webhooks([webhook("Fail", None, [""]), webhook("Fail", None, ["example.com"])], frozenset(), NEEDED)
    assert told.by_url == (
        "check.example.org of policies (it is asked at https://192.0.2.1/x about whatever the rollout writes)",
        "check.example.org of policies (it is asked at https://192.0.2.1/x about what a rollout does not write)",
    )
    assert (told.blocking, told.unrelated) == ((), ())


@given(
    st.lists(
        st.builds(
            webhook,
            st.sampled_from(["Fail", "Ignore"]),
            st.sampled_from([None, GATE]),
            st.lists(st.sampled_from(["", "apps", "example.com", "*"]), max_size=2),
        )
    ),
    st.sampled_from([frozenset[str](), frozenset({"policy/gate"})]),
)
def test_each_webhook_that_fails_closed_and_may_not_answer_is_said_once(
    hooks: list[dict[str, Any]], ready: frozenset[str]
) -> None:
    told = judge_webhooks(hooks, ready, NEEDED)
    closed = [one["webhooks"][0] for one in hooks if one["webhooks"][0]["failurePolicy"] == "Fail"]
    unsure = [one for one in closed if "url" in one["clientConfig"] or not ready]
    assert len(told.blocking) + len(told.unrelated) + len(told.by_url) == len(unsure)


@pytest.mark.parametrize(
    ("nodes", "batches", "told"),
    [
        ({"w-1"}, [("w-1",), ("w-2",)], 1),
        ({"w-1", "w-2"}, [("w-1",), ("w-2",)], 0),
        ({"w-1", "w-2"}, [("w-1", "w-2")], 1),
        ({"cp-1"}, [("w-1",)], 0),
        (set(), [("w-1",)], 0),
    ],
)
def test_a_webhook_that_is_drained_away_as_a_whole_is_told(nodes: set[str], batches: Any, told: int) -> None:
    hooks = [
        webhook("Fail", {"namespace": "policy", "name": "gate"}),
        webhook("Ignore", {"namespace": "p", "name": "g"}),
    ]
    ready = {"policy/gate": frozenset(nodes), "p/g": frozenset({"w-1"})}
    assert len(list(moving_webhooks(hooks, ready, batches))) == told
