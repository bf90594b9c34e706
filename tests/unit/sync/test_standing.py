from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.sync import Followed, SpecFile, read_files, standing_of
from world.specs import SMALL

FOLLOWED = Followed("git", "a.yaml", "r1", "d1")
DIGESTS = st.sampled_from(["d1", "d2"])
CHANGES = st.sampled_from([[], ["spec.dns: 1 -> 2"]])


@given(is_stored=st.booleans(), changes=CHANGES, digest=DIGESTS, followed=st.sampled_from([None, FOLLOWED]))
def test_what_was_changed_past_the_file_is_never_undone_unasked(
    *, is_stored: bool, changes: list[str], digest: str, followed: Followed | None
) -> None:
    found = standing_of(is_stored=is_stored, changes=changes, digest=digest, followed=followed, puts_back=False)
    asked = standing_of(is_stored=is_stored, changes=changes, digest=digest, followed=followed, puts_back=True)
    assert found.state == asked.state
    assert (found.state == "drifted") == bool(is_stored and changes and followed and followed.digest == digest)
    assert (found.state == "deleted") == bool(not is_stored and followed and followed.digest == digest)
    assert (found.is_applied != asked.is_applied) == (found.state in {"drifted", "deleted"})
    assert not (found.state == "in sync" and asked.is_applied)
    assert found.is_applied == (found.state in {"new", "changed"})


def test_what_is_noted_comes_back_as_it_was() -> None:
    noted = Followed("git", "a.yaml", "r1", "d1", 3, "gone")
    assert Followed.of(noted.value()) == noted


def test_each_file_is_a_spec_wrong_or_none_of_ours() -> None:
    found = read_files(
        {
            "a.yaml": SMALL,
            "b.yaml": "apiVersion: windlass/v1\nkind: Cluster\nmetadata: {name: B_B}\n",
            "c.yaml": "kind: Kustomization\n",
            "d.yaml": "",
            "e.yaml": "[",
            "f.yaml": "apiVersion: windlass/v9\n",
        }
    )
    assert found.specs == (SpecFile("a.yaml", "demo", SMALL),)
    assert set(found.wrong) == {"b.yaml", "e.yaml", "f.yaml"}
    assert found.others == ("c.yaml", "d.yaml")
