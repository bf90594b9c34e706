"""Valid samples, changed a little: what comes closest to what a parser expects finds most of what it forgot."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from windlass.errors import WindlassError

_TIMES = int(os.environ.get("WINDLASS_FUZZ_TIMES", "1"))
"""How many times as much is tried, on a machine that has the time."""
BUDGET = settings(max_examples=120 * _TIMES, deadline=None)
"""For each parser; what one example takes depends on what else the machine does."""
SMALL_BUDGET = settings(max_examples=20 * _TIMES, deadline=None)
"""For what takes longer."""

LONGEST_WORDS = 20_000
"""Characters of an error: it may list many problems of a spec, and quotes nothing whole."""
_EXTREME = (b"\0", b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"\x80" + bytes(7), b"\0" * 16, b"\n", b"=", b"-1")


@st.composite
def mutated(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """Draw one of the samples with bits flipped, pieces cut off, left out, repeated, moved, or overwritten."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([1, 2, 4, 8, 16, 64, 512, 4096])))
        match draw(st.sampled_from(["flip", "cut", "leave out", "repeat", "move", "extreme", "any"])):
            case "flip" if start < len(data):
                data[start] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[start:]
            case "leave out":
                del data[start:end]
            case "repeat":
                data[start:start] = bytes(data[start:end]) * draw(st.sampled_from([1, 2, 8]))
            case "move":
                place = draw(st.integers(0, len(data)))
                data[place : place + end - start] = data[start:end]
            case "extreme":
                value = draw(st.sampled_from(_EXTREME))
                data[start : start + len(value)] = value
            case _:
                data[start:end] = draw(st.binary(max_size=16))
    return bytes(data)


def mutated_text(samples: Sequence[str]) -> st.SearchStrategy[str]:
    """Draw one of the samples changed as bytes, as a host's output is decoded."""
    return mutated([one.encode() for one in samples]).map(lambda data: data.decode(errors="replace"))


_DEEP = '{"deep": ' + "[" * 1500 + "]" * 1500 + "}"
ODD_VALUES: Sequence[Any] = (
    None, True, -1, 0, 10**30, 1e308, float("nan"), float("inf"), "", "x", "\ud800", "nan", "2026-13-45", "2026-01-01",
    [], [[]], [None], {}, {"x": None}, {"name": []},
)  # fmt: skip


@st.composite
def mutated_json(draw: st.DrawFn, documents: Sequence[Any]) -> bytes:
    """Draw a document one or two of whose values are other ones, or are missing; or its bytes, changed."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    if draw(st.integers(0, 4)) == 0:
        return draw(mutated([json.dumps(document).encode(), _DEEP.encode(), b"9" * 5000, b"null", b"[]", b"\xff"]))
    for _ in range(draw(st.integers(1, 2))):
        places = list(_places(document))
        around, key = draw(st.sampled_from(places)) if places else (None, None)
        if around is None or draw(st.integers(0, 15)) == 0:
            document = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
        elif draw(st.integers(0, 4)) == 0:
            del around[key]
        else:
            around[key] = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
    return json.dumps(document).encode()


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each value within a document, as what it is in and its key there."""
    if isinstance(document, dict | list):
        for key in document if isinstance(document, dict) else range(len(document)):
            yield document, key
            yield from _places(document[key])


def returned(read: Callable[[], Any]) -> Any:
    """Return what `read` returns, None if it raises an error of ours; any other error is the test's to see."""
    try:
        return read()
    except WindlassError as error:
        words = str(error)
    assert len(words) < LONGEST_WORDS, "an error quotes all that it was sent"
    return None
