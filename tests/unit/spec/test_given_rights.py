"""What rights a spec gives to somebody who had them not: nobody gives by it what they have not themselves."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.spec.access import RIGHTS, AccessSection
from windlass.domain.spec.rights import Person, may, newly_given

KEYS = ("Op", "Admin", "team:payments", "user:anna")
PEOPLE = [
    Person(name, frozenset(roles))
    for name in ("anna", "zoe")
    for size in range(4)
    for roles in itertools.combinations(KEYS[:3], size)
]
accesses = st.dictionaries(st.sampled_from(KEYS), st.lists(st.sampled_from(RIGHTS), unique=True)).map(
    lambda roles: AccessSection.model_validate({"roles": roles})
)


@given(accesses, accesses)
def test_whatever_anybody_gains_is_told(before: AccessSection, after: AccessSection) -> None:
    told = newly_given(before, after)
    for person, right in itertools.product(PEOPLE, RIGHTS):
        gains = may(after, person, right) and not may(before, person, right)
        assert not gains or right in told, (person, right)


@given(accesses)
def test_what_stays_gives_nothing(access: AccessSection) -> None:
    assert newly_given(access, access) == ()
    assert newly_given(AccessSection(), access) == ()


@pytest.mark.parametrize(
    ("before", "after", "given_anew"),
    [
        ({"Op": ["operate"]}, {"Op": ["operate", "see"]}, ()),
        ({"Op": ["operate"]}, {"Op": ["see"]}, ()),
        ({"Op": ["operate"]}, {"Op": ["operate"], "user:anna": ["approve"]}, ("see", "approve")),
        ({"Op": ["operate"]}, {"Op": ["delete", "operate"]}, ("delete",)),
        ({"Op": ["operate"]}, {}, RIGHTS),
        ({"Op": []}, {"Op": ["see"]}, ("see",)),
    ],
)
def test_rights_are_counted_by_whom_they_are_for(
    before: dict[str, list[str]], after: dict[str, list[str]], given_anew: tuple[str, ...]
) -> None:
    then, now = (AccessSection.model_validate({"roles": roles}) for roles in (before, after))
    assert newly_given(then, now) == given_anew
