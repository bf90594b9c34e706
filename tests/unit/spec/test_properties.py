from __future__ import annotations

import json
import random
import string
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from windlass.domain.spec import Cluster, Known, diff_clusters, dump_cluster, load_cluster, problems
from windlass.domain.spec.problem import plain
from windlass.domain.spec.published_schema import json_schema_text
from windlass.domain.spec.schema import known_keys
from windlass.errors import SpecError

PUBLISHED = jsonschema.Draft202012Validator(json.loads(json_schema_text()))
LABELS = st.dictionaries(
    st.from_regex(r"(example\.com/)?[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True),
    st.sampled_from(["", "a", "yes", "no", "1", "true", "null", "1e3", "0x10", "2026-11-23", "V_1.x"]),
    max_size=3,
)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
FLAG = TEXT.filter(lambda text: "/" not in text)
"""The value of a flag that names no file: one that no host has is refused."""
SPEC_SECTIONS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "etcd": st.fixed_dictionaries(
        {"allowEven": st.just(value=True)}, optional={"quotaBytes": st.integers(2**26, 2**34)}
    ),
    "network": st.fixed_dictionaries({}, optional={"backend": st.sampled_from(["vxlan", "host-gw"])}),
    "artifacts": st.fixed_dictionaries(
        {"from": st.sampled_from(["auto", "mirror"])},
        optional={"mirror": st.sampled_from([None, "http://192.0.2.9:80"])},
    ),
    "components": st.dictionaries(
        st.sampled_from(["etcd", "kubelet", "kube-apiserver"]),
        st.fixed_dictionaries({"extraArgs": st.dictionaries(st.from_regex(r"[a-z][a-z-]{0,9}", fullmatch=True), FLAG)}),
    ),
    "stacks": st.lists(
        st.fixed_dictionaries(
            {"name": st.from_regex(r"[a-z]{1,8}", fullmatch=True)},
            optional={"values": st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-(2**50), 2**50) | TEXT)},
        ),
        max_size=3,
        unique_by=lambda stack: stack["name"],
    ),
    "repair": st.fixed_dictionaries(
        {}, optional={"maxUnhealthyWorkers": st.integers(0, 9) | st.sampled_from(["0%", "99%"])}
    ),
    "health": st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.fixed_dictionaries({}, optional={"intervalSeconds": st.floats(0.5, 60) | st.integers(1, 60)}),
        max_size=2,
    ),
    "upgrade": st.fixed_dictionaries(
        {}, optional={"hooks": st.fixed_dictionaries({"before": st.lists(TEXT, max_size=2)})}
    ),
}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a document that is right."""
    names = draw(
        st.lists(st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True), min_size=1, max_size=7, unique=True)
    )
    roles = st.lists(st.sampled_from(["etcd", "control-plane", "worker"]), min_size=1, unique=True)
    members = [
        {"name": name, "address": f"192.0.2.{index}", "roles": draw(roles), "labels": draw(LABELS)}
        for index, name in enumerate(names, start=1)
    ]
    members[0]["roles"] = ["etcd", "control-plane"]
    sections = {
        name: draw(strategy) for name, strategy in SPEC_SECTIONS.items() if name == "etcd" or draw(st.booleans())
    }
    return {
        "apiVersion": "windlass/v1",
        "kind": "Cluster",
        "metadata": {"name": "demo"},
        "spec": {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}, **sections},
    }


def read(document: dict[str, Any]) -> Cluster:
    return Cluster.model_validate(document, by_alias=True, by_name=False)


@given(documents())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_is_dumped_is_loaded_as_the_same_spec(document: dict[str, Any]) -> None:
    cluster = read(document)
    text = dump_cluster(cluster)

    again = load_cluster(text, "stored", Known(["v1.37.2"]))

    assert again == cluster
    assert diff_clusters(cluster, again) == ()
    assert dump_cluster(again) == text


@given(documents())
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_is_dumped_means_the_same_to_an_ordinary_yaml_reader(document: dict[str, Any]) -> None:
    cluster = read(document)

    assert yaml.safe_load(dump_cluster(cluster)) == cluster.model_dump(mode="json", by_alias=True)


@given(documents())
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_is_right_fits_the_published_schema(document: dict[str, Any]) -> None:
    load_cluster(dump_cluster(read(document)), "spec", Known(["v1.37.2"]))

    PUBLISHED.validate(document)


def keys_of(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of all keys that the schema knows by name."""
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in keys_of(item, (*path, index))]
    if not isinstance(value, dict):
        return []
    here = [(*path, key) for key in value if key in known_keys(path)]
    return here + [found for key, inner in value.items() for found in keys_of(inner, (*path, key))]


def mistyped(key: str, chance: random.Random) -> str:
    """Swap two letters, drop one, double one or put another one in."""
    place = chance.randrange(len(key))
    letter = chance.choice(string.ascii_lowercase)
    return chance.choice(
        [
            key[:place] + key[place + 1 : place + 2] + key[place] + key[place + 2 :],
            key[:place] + key[place + 1 :],
            key[:place] + key[place] + key[place:],
            key[:place] + letter + key[place:],
            key[:place] + letter + key[place + 1 :],
        ]
    )


@given(documents(), st.randoms(use_true_random=False))
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_mistyped_key_is_reported_with_its_line_and_the_key_that_was_meant(
    document: dict[str, Any], chance: random.Random
) -> None:
    value = read(document).model_dump(mode="json", by_alias=True)
    path = chance.choice([path for path in keys_of(value) if len(str(path[-1])) > 3])
    around: Any = value
    for step in path[:-1]:
        around = around[step]
    key = str(path[-1])
    typo = mistyped(key, chance)
    assume(len(typo) > 2 and plain(typo) not in {plain(known) for known in known_keys(path[:-1])})
    around[typo] = around.pop(key)
    lines = yaml.dump(value, sort_keys=False, width=1000).splitlines()
    expected = [number for number, line in enumerate(lines, start=1) if line.lstrip(" -").startswith(f"{typo}:")]

    with pytest.raises(SpecError) as caught:
        load_cluster("\n".join(lines), "f")

    (message,) = [line for line in str(caught.value).splitlines() if f": unknown key `{typo}`; " in line]
    assert int(message.split(":")[1]) in expected
    assert message.endswith(f"did you mean `{key}`?")


@given(documents(), st.randoms(use_true_random=False))
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_problems_are_always_told_alike(document: dict[str, Any], chance: random.Random) -> None:
    members = document["spec"]["hosts"]["members"]
    for member in members:
        if chance.random() < 0.5:
            member.update(
                chance.choice([{"name": "Cp_1"}, {"address": "192.0.2.1"}, {"taints": ["x"]}, {"roles": ["worker"]}])
            )
    document["spec"]["network"] = {"podCidr": chance.choice(["10.96.0.0/16", "192.0.2.0/24", "x", "10.244.0.0/16"])}
    others = [read({**document, "metadata": {"name": name}}) for name in ("a", "b", "c")]

    told = problems(read(document), Known(["v1.36.3", "v1.37.2"]), others)
    chance.shuffle(others)

    assert problems(read(document), Known(["v1.37.2", "v1.36.3"]), others) == told
    assert len(set(told)) == len(told)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
@settings(max_examples=100, deadline=None)
def test_no_text_makes_it_fall_over(text: str) -> None:
    with pytest.raises(SpecError):
        load_cluster(text, "f")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(documents(), st.randoms(use_true_random=False), VALUES)
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_value_at_any_place_is_accepted_or_complained_about(
    document: dict[str, Any], chance: random.Random, value: Any
) -> None:
    whole = read(document).model_dump(mode="json", by_alias=True)
    path = chance.choice(keys_of(whole))
    around: Any = whole
    for step in path[:-1]:
        around = around[step]
    around[path[-1]] = value

    assert all(line.startswith("f:") for line in complaints(yaml.safe_dump(whole)))


def complaints(text: str) -> list[str]:
    """Return what is wrong with a text; nothing if it is a spec."""
    try:
        load_cluster(text, "f")
    except SpecError as error:
        return str(error).splitlines()
    return []
