from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.effects.ssh.output import BoundedOutput, Lines

CHUNKS = st.lists(st.text("ab\n", max_size=30))


@given(chunks=CHUNKS)
def test_output_keeps_its_ends_and_counts_the_rest(chunks: list[str]) -> None:
    whole = "".join(chunks)
    output = BoundedOutput(limit=20)
    for chunk in chunks:
        output.feed(chunk.encode())
    if len(whole) <= 20:
        assert (output.text(), output.dropped_bytes) == (whole, 0)
    else:
        assert output.text() == f"{whole[:10]}\n[{len(whole) - 20} bytes dropped]\n{whole[-10:]}"


@given(chunks=CHUNKS)
def test_lines_do_not_depend_on_how_they_arrive(chunks: list[str]) -> None:
    seen: list[str] = []
    lines = Lines(seen.append)
    for chunk in chunks:
        lines.feed(chunk.encode())
    lines.finish()
    assert seen == "".join(chunks).removesuffix("\n").split("\n") if any(chunks) else seen == []


def test_character_split_between_two_chunks_stays_whole() -> None:
    output = BoundedOutput()
    for byte in "ü".encode():
        output.feed(bytes([byte]))
    assert output.text() == "ü"
