"""A cluster spec as a form: what most specs say, read from a text and written into it; all else stays as it is there.

The form knows no rules: what is wrong with an answer, `load_cluster` says of the text that comes of it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from windlass.domain.catalog import Catalog
from windlass.domain.spec.document import read_document
from windlass.domain.spec.driver_form import PickedForm, read_drivers, write_drivers
from windlass.domain.spec.form_values import Fields, given_answers, put, read_answers, within
from windlass.domain.spec.load import Dumper
from windlass.domain.spec.topology import Topology

PRESETS: Mapping[Topology, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "standalone": (("all-1", ("etcd", "control-plane", "worker")),),
    "overlapping": (
        ("cp-1", ("etcd", "control-plane")),
        ("cp-2", ("etcd", "control-plane")),
        ("cp-3", ("etcd", "control-plane")),
        ("w-1", ("worker",)),
    ),
    "separate": (
        ("etcd-1", ("etcd",)),
        ("etcd-2", ("etcd",)),
        ("etcd-3", ("etcd",)),
        ("cp-1", ("control-plane",)),
        ("cp-2", ("control-plane",)),
        ("w-1", ("worker",)),
        ("w-2", ("worker",)),
    ),
}
"""Hosts to start from, with their roles."""
_Word = Annotated[str, Field(max_length=512)]
_STRICT = ConfigDict(extra="forbid", frozen=True)
_MEMBERS, _SSH = ("spec", "hosts", "members"), ("spec", "hosts", "ssh")
_NAME, _VERSION = ("metadata", "name"), ("spec", "kubernetes", "version")


class HostForm(BaseModel):
    """One host: a row of the form."""

    model_config = _STRICT
    name: _Word = ""
    address: _Word = ""
    roles: tuple[_Word, ...] = Field((), max_length=8)


class SpecForm(BaseModel):
    """What the form holds; an empty text is what the spec leaves out."""

    model_config = _STRICT
    name: _Word = ""
    version: _Word = ""
    connection: _Word = ""
    user: _Word = ""
    trust: bool = False
    hosts: tuple[HostForm, ...] = Field((), max_length=1000)
    drivers: dict[_Word, PickedForm] = Field(default_factory=dict, max_length=64)
    """By slot."""
    stacks: dict[_Word, dict[_Word, Any]] = Field(default_factory=dict, max_length=256)
    """Answers by stack that is picked."""


def first_spec(version: str) -> str:
    """Return the text to start from: a name, a release, and hosts that have no address yet."""
    hosts = tuple(HostForm(name=name, roles=roles) for name, roles in PRESETS["overlapping"])
    head: Fields = {"apiVersion": "windlass/v1", "kind": "Cluster"}
    _write(head, SpecForm(name="demo", version=version, connection="windlass_ssh", trust=True, hosts=hosts), None)
    return _dumped(head)


def read_form(text: str, catalog: Catalog) -> SpecForm | None:
    """Return what a text says to the form; None if it is no document that a form could be written into."""
    document = read_document(text)
    if document.problems or not isinstance(document.value, dict):
        return None
    spec = document.value
    members = within(spec, _MEMBERS)
    return SpecForm(
        name=_text(within(spec, _NAME)),
        version=_text(within(spec, _VERSION)),
        connection=_text(within(spec, (*_SSH, "connection"))),
        user=_text(within(spec, (*_SSH, "user"))),
        trust=within(spec, (*_SSH, "trustOnFirstUse")) is True,
        hosts=tuple(_host(one) for one in members[:1000]) if isinstance(members, list) else (),
        drivers=read_drivers(spec, catalog.drivers),
        stacks={name: read_answers(one.get("values")) for name, one in _stacks(spec).items()},
    )


def write_form(text: str, form: SpecForm, catalog: Catalog) -> str | None:
    """Return the text with what the form says in it, and all else that it says; its comments are lost.

    None if the text is no document that a form could be written into. A text that says all of it already is kept as it
    is, comments and all.
    """
    there = read_form(text, catalog)
    if there is None:
        return None
    if there == form:
        return text
    spec = copy.deepcopy(read_document(text).value)
    _write(spec, form, there)
    write_drivers(spec, form.drivers, there.drivers, catalog.drivers)
    if form.stacks != there.stacks:
        _write_stacks(spec, form.stacks, catalog)
    return _dumped(spec)


def _host(value: Any) -> HostForm:
    given = value if isinstance(value, dict) else {}
    roles = given.get("roles")
    known = tuple(map(_text, roles[:8])) if isinstance(roles, list) else ()
    return HostForm(name=_text(given.get("name")), address=_text(given.get("address")), roles=known)


def _write(spec: Fields, form: SpecForm, there: SpecForm | None) -> None:
    put(spec, _NAME, form.name)
    put(spec, _VERSION, form.version)
    put(spec, (*_SSH, "connection"), form.connection or None)
    put(spec, (*_SSH, "user"), form.user or None)
    put(spec, (*_SSH, "trustOnFirstUse"), form.trust or None)
    if there is None or form.hosts != there.hosts:
        before = within(spec, _MEMBERS)
        put(spec, _MEMBERS, _members(form.hosts, before if isinstance(before, list) else []))


def _members(hosts: tuple[HostForm, ...], before: list[Any]) -> list[Any]:
    """Return the hosts; what the text says of one besides, such as labels, stays with its name, or else its place."""
    by_name = {one.get("name"): one for one in before if isinstance(one, dict)}
    names = {one.name for one in hosts}
    left = [None if isinstance(one, dict) and one.get("name") in names else one for one in before]
    return [
        {**_further(by_name.get(one.name), left, place), **_member(one)} for place, one in enumerate(hosts)
    ]  # fmt: skip


def _further(same: Any, left: list[Any], place: int) -> Fields:
    found = same if same is not None else left[place] if place < len(left) else None
    return found if isinstance(found, dict) else {}


def _member(host: HostForm) -> Fields:
    return {"name": host.name, "address": host.address, "roles": list(host.roles)}


def _stacks(spec: Fields) -> dict[str, Fields]:
    """Return the stacks of a spec, by name; of several of one name the first."""
    found = within(spec, ("spec", "stacks"))
    named = [one for one in found if isinstance(one, dict) and one.get("name")] if isinstance(found, list) else []
    return {_text(one["name"]): one for one in reversed(named)}


def _write_stacks(spec: Fields, picked: Mapping[str, Mapping[str, Any]], catalog: Catalog) -> None:
    there = _stacks(spec)
    stacks = []
    for name, given in picked.items():
        questions = catalog.stacks[name].questions if name in catalog.stacks else ()
        answers = given_answers(questions, given)
        before = {key: value for key, value in there.get(name, {}).items() if key != "values"}
        stacks.append({**before, "name": name, **({"values": answers} if answers else {})})
    put(spec, ("spec", "stacks"), stacks or None)


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:512]


class _FormDumper(Dumper):
    """Writes as people do: short lists and mappings on a line, texts of several lines as blocks."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_FormDumper.add_representer(str, _block)


def _dumped(spec: Fields) -> str:
    return yaml.dump(spec, Dumper=_FormDumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
