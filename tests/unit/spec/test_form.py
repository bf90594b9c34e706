"""The form of a spec: what it reads of a text, and what it writes into one, of which all else stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.catalog import Catalog, Question
from windlass.domain.catalog.drivers import NONE, SLOTS
from windlass.domain.spec import Known, check_text, topology
from windlass.domain.spec.document import read_document
from windlass.domain.spec.driver_form import PickedForm, default_driver
from windlass.domain.spec.form import PRESETS, HostForm, SpecForm, first_spec, read_form, write_form
from windlass.domain.spec.form_values import shown
from windlass.effects.catalog import load_catalog
from windlass.effects.packaged import catalog_directory

CATALOG: Catalog = load_catalog(catalog_directory())
KNOWN = Known.of(CATALOG, ())
NEWEST = CATALOG.versions[-1]
MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own, namespace: default}\n"
OWN = f"""apiVersion: windlass/v1
kind: Cluster
metadata: {{name: demo}}
spec: # of ours
  kubernetes: {{version: {NEWEST}}}
  hosts:
    ssh: {{connection: rack, port: 2222}}
    members:
      - {{name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane], labels: {{rack: a}}}}
      - {{name: w-1, address: 192.0.2.12, roles: [worker], labels: {{rack: b}}}}
  network: {{podCidr: 10.20.0.0/16, backend: host-gw}}
  manifests:
    - name: own
      content: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {{name: own, namespace: default}}
"""


def form_of(text: str) -> SpecForm:
    found = read_form(text, CATALOG)
    assert found is not None
    return found


def written(text: str, form: SpecForm) -> str:
    found = write_form(text, form, CATALOG)
    assert found is not None
    return found


def changed(form: SpecForm, **more: Any) -> SpecForm:
    return form.model_copy(update=more)


def picked(slot: str, name: str, **answers: Any) -> dict[str, PickedForm]:
    return {**form_of(OWN).drivers, slot: PickedForm(name=name, answers=answers)}


def problems(text: str) -> list[str]:
    return [str(problem) for _, problem in check_text(text, KNOWN).problems]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_cluster_of_that_topology_once_hosts_have_addresses(preset: Any) -> None:
    hosts = tuple(
        HostForm(name=name, address=f"192.0.2.{number}", roles=roles)
        for number, (name, roles) in enumerate(PRESETS[preset], start=11)
    )
    checked = check_text(written(first_spec(NEWEST), changed(form_of(first_spec(NEWEST)), hosts=hosts)), KNOWN)
    assert not checked.problems
    assert checked.cluster is not None
    assert topology(checked.cluster) == preset


def test_what_the_form_says_already_leaves_the_text_as_it_is_comments_and_all() -> None:
    assert written(OWN, form_of(OWN)) == OWN


def test_what_the_form_does_not_ask_stays() -> None:
    after = read_document(written(OWN, changed(form_of(OWN), name="other", user="ops"))).value
    before = read_document(OWN).value
    before["metadata"]["name"] = "other"
    before["spec"]["hosts"]["ssh"]["user"] = "ops"
    assert after == before
    assert after["spec"]["manifests"][0]["content"] == MANIFEST


def test_hosts_keep_what_the_text_says_of_them_besides_also_under_another_name() -> None:
    first, second = form_of(OWN).hosts
    renamed = second.model_copy(update={"name": "w-9"})
    members = read_document(written(OWN, changed(form_of(OWN), hosts=(renamed, first)))).value["spec"]["hosts"][
        "members"
    ]
    assert [(one["name"], one.get("labels")) for one in members] == [("w-9", None), ("cp-1", {"rack": "a"})]
    members = read_document(written(OWN, changed(form_of(OWN), hosts=(first, renamed)))).value["spec"]["hosts"][
        "members"
    ]
    assert [(one["name"], one["labels"]) for one in members] == [("cp-1", {"rack": "a"}), ("w-9", {"rack": "b"})]


def test_a_driver_that_leaves_takes_its_answers_along() -> None:
    balanced = written(
        OWN, changed(form_of(OWN), drivers=picked("loadBalancer", "metallb", addresses="192.0.2.200/29"))
    )
    assert read_document(balanced).value["spec"]["loadBalancer"] == {
        "driver": "metallb",
        "addresses": ["192.0.2.200/29"],
    }
    without = written(balanced, changed(form_of(balanced), drivers=picked("loadBalancer", "none")))
    assert "loadBalancer" not in read_document(without).value["spec"]
    bare = written(OWN, changed(form_of(OWN), drivers=picked("network", "none")))
    assert read_document(bare).value["spec"]["network"] == {"podCidr": "10.20.0.0/16", "driver": "none"}


@pytest.mark.parametrize("text", ["kind: [", "", "a: 1\na: 2\n", "- list\n", "kind: a\n---\nkind: b\n"])
def test_a_text_that_cannot_be_read_for_sure_is_not_written_into(text: str) -> None:
    assert read_form(text, CATALOG) is None
    assert write_form(text, form_of(OWN), CATALOG) is None


@pytest.mark.parametrize(
    "spec",
    [
        "hosts: {members: [7, {name: [], roles: x}], ssh: none}",
        "network: 7\n  monitoring: {history: no}",
        "stacks: [7, {name: {a: b}, values: [1]}]",
        "storage: {driver: [], values: 3}",
    ],
)
def test_a_text_of_another_shape_is_read_as_far_as_it_goes(spec: str) -> None:
    text = f"metadata: {{name: demo}}\nspec:\n  {spec}\n"
    assert form_of(written(text, changed(form_of(text), name="other"))).name == "other"


def test_references_to_secrets_stay_references() -> None:
    secret = {"fromVariable": "windlass_secret_edge"}
    text = written(OWN, changed(form_of(OWN), stacks={"edge-proxy": {"ports": secret, "statusPort": "7460"}}))
    assert read_document(text).value["spec"]["stacks"][0]["values"] == {"ports": secret, "statusPort": 7460}
    assert form_of(written(text, changed(form_of(text), name="other"))).stacks == form_of(text).stacks


def examples(questions: tuple[Question, ...]) -> dict[str, str]:
    given = {one.variable: one.example if one.default is None else one.default for one in questions}
    asked = {one.variable for one in questions if one.is_asked(given)}
    return {name: str(shown(one)) for name, one in given.items() if one != [] and name in asked}


@pytest.mark.parametrize("key", [driver.id for driver in CATALOG.drivers.loaded.values()])
def test_every_driver_of_the_catalog_can_be_picked_and_answered(key: tuple[str, str]) -> None:
    slot, name = key
    form = changed(form_of(OWN), drivers=picked(slot, name, **examples(CATALOG.drivers.driver(slot, name).questions)))
    text = written(OWN, form)
    assert form_of(text).drivers[slot] == form.drivers[slot]
    assert name == NONE or not problems(text)


def test_a_spec_that_says_nothing_has_the_default_drivers() -> None:
    assert {slot: one.name for slot, one in form_of("spec: {}").drivers.items()} == {
        slot: default_driver(slot) for slot in SLOTS
    }


words = st.text(alphabet="abc: #'\"{}[]0-9.,\n\\é", max_size=8)
hosts = st.builds(HostForm, name=words, address=words, roles=st.lists(words, max_size=2).map(tuple))


forms = st.builds(
    SpecForm,
    name=words,
    version=words,
    connection=words,
    user=words,
    trust=st.booleans(),
    hosts=st.lists(hosts, max_size=3).map(tuple),
)


@given(forms)
def test_what_is_written_is_read_back_whatever_people_type(form: SpecForm) -> None:
    whole = changed(form, drivers=form_of(OWN).drivers)
    assert form_of(written(OWN, whole)) == whole
