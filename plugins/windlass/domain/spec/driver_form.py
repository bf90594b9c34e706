"""Drivers in the form of a spec: which is picked for each slot, and what it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from windlass.domain.catalog.drivers import NONE, SLOTS, Driver, Drivers
from windlass.domain.catalog.questions import Question
from windlass.domain.spec.base import Section
from windlass.domain.spec.dns import Dns
from windlass.domain.spec.drivers import HISTORY_SLOT, POLICY_SLOT, PROXY, PROXY_SLOT
from windlass.domain.spec.form_values import Fields, Place, put, read_answers, shown, typed, within
from windlass.domain.spec.services import LoadBalancer, MeasurementHistory, Monitoring, Network, Storage

_SECTIONS: Mapping[str, type[Section]] = {
    PROXY_SLOT: Network,
    POLICY_SLOT: Network,
    "network": Network,
    "dns": Dns,
    "storage": Storage,
    "monitoring": Monitoring,
    HISTORY_SLOT: MeasurementHistory,
    "loadBalancer": LoadBalancer,
}
_PLACES: Mapping[str, Place] = {
    PROXY_SLOT: ("spec", "network"),
    POLICY_SLOT: ("spec", "network"),
    HISTORY_SLOT: ("spec", "monitoring", HISTORY_SLOT),
}
"""Where a slot's section stands, if not under its own name."""
_WITHOUT: Mapping[str, tuple[str, str]] = {PROXY_SLOT: ("proxyMode", PROXY), POLICY_SLOT: ("policy", NONE)}
"""Slots without a section of their own: the setting that says who does the work, and who does where it says nothing."""


class PickedForm(BaseModel):
    """A driver that is picked, and what it is answered, as texts."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(max_length=512)]
    answers: dict[str, Any] = Field(default_factory=dict, max_length=256)


def default_driver(slot: str) -> str:
    """Return the driver of a slot of which a spec says nothing."""
    return _WITHOUT[slot][1] if slot in _WITHOUT else str(_SECTIONS[slot].model_fields["driver"].default)


def read_drivers(spec: Fields, drivers: Drivers) -> dict[str, PickedForm]:
    """Return the driver of every slot, as far as a spec's values tell."""
    return {slot: _read(spec, slot, drivers) for slot in SLOTS}


def write_drivers(
    spec: Fields, picked: Mapping[str, PickedForm], there: Mapping[str, PickedForm], drivers: Drivers
) -> None:
    """Write into a spec's values what differs from what is there."""
    for slot, one in picked.items():
        if slot in SLOTS and one != there.get(slot):
            _write(spec, slot, one, there.get(slot), drivers)


def _place(slot: str) -> Place:
    return _PLACES.get(slot, ("spec", slot))


def _read(spec: Fields, slot: str, drivers: Drivers) -> PickedForm:
    section = within(spec, _place(slot))
    given: Fields = section if isinstance(section, dict) else {}
    name = _name(slot, given)
    driver = drivers.loaded.get((slot, name))
    settings = {one.variable: given[one.setting] for one in _set_by_setting(slot, driver) if _is_said(given, one)}
    values = {} if slot in _WITHOUT else read_answers(given.get("values"))
    return PickedForm(name=name, answers={**{key: shown(value) for key, value in settings.items()}, **values})


def _is_said(given: Fields, question: Question) -> bool:
    return given.get(question.setting) not in (None, "", [])


def _name(slot: str, given: Fields) -> str:
    if slot not in _WITHOUT:
        return str(given.get("driver") or default_driver(slot))[:512]
    setting, usual = _WITHOUT[slot]
    said = given.get(setting)
    if slot == PROXY_SLOT:
        return NONE if said == NONE else usual
    return str(said or usual)[:512]


def _set_by_setting(slot: str, driver: Driver | None) -> tuple[Question, ...]:
    """Return the questions that a key of the slot's section answers."""
    keys = {field.alias for field in _SECTIONS[slot].model_fields.values()}
    return tuple(one for one in (driver.questions if driver else ()) if one.setting in keys)


def _write(spec: Fields, slot: str, picked: PickedForm, there: PickedForm | None, drivers: Drivers) -> None:
    place, driver = _place(slot), drivers.loaded.get((slot, picked.name))
    before = drivers.loaded.get((slot, there.name)) if there else None
    for question in _set_by_setting(slot, before):
        put(spec, (*place, question.setting), None)
    if slot in _WITHOUT:
        put(spec, (*place, _WITHOUT[slot][0]), _named(slot, picked.name))
    else:
        put(spec, (*place, "driver"), None if picked.name == default_driver(slot) else picked.name)
    answers = {name: answer for name, answer in picked.answers.items() if answer not in ("", None)}
    for question in _set_by_setting(slot, driver):
        if question.variable in answers:
            put(spec, (*place, question.setting), typed(question, answers.pop(question.variable)))
    if slot not in _WITHOUT:
        kinds = {one.variable: one for one in (driver.questions if driver else ())}
        asked = {
            name: typed(kinds.get(name), answer) for name, answer in answers.items() if name in kinds or not driver
        }
        put(spec, (*place, "values"), asked or None)


def _named(slot: str, name: str) -> str | None:
    """Return what the setting of a slot without a section says; None if that is nothing."""
    if slot == PROXY_SLOT:
        return NONE if name == NONE else None
    return None if name == NONE else name
