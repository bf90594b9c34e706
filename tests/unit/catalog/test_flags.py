"""What programs say of their flags, and the record of it beside a release."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.catalog.flags import (
    COMPONENTS,
    ComponentFlags,
    Flag,
    asked_flags,
    flags_text,
    is_unknown,
    parse_help,
    read_flags,
)
from windlass.errors import IntegrityError

COBRA = """\
The Kubernetes scheduler does this and --that.

Usage:
  kube-scheduler [flags]

Misc flags:

      --config string          The path to the configuration file.
      --disable-http2          If true, --config is ignored [default=false]
      --feature-gates colonSeparatedMultimapStringString   A set of key=value pairs. Options are:
                                                           kube:AllAlpha=true|false (ALPHA - default=false)
                                                           kube:WatchList=true|false (BETA - default=true)
      --profiling              DEPRECATED: enable profiling.
  -v, --v Level                number for the log level verbosity
      --version version[=true]   --version prints it
      --vmodule pattern=N,...  comma-separated list
"""
ETCD = """\

Member:
  --name 'default'
    Human-readable name for this member.
  --memory-mlock
    Enable to enforce etcd pages to stay in RAM.
  --max-snapshots '5'
    Maximum number of files. Deprecated in v3.6.
  --feature-gates ''
    A set of key=value pairs. Options are:
    InitialCorruptCheck=true|false (ALPHA - default=false)
"""


def test_flags_of_cobra_have_types() -> None:
    assert parse_help("kube-scheduler", COBRA) == ComponentFlags(
        {
            "config": Flag("string"),
            "disable-http2": Flag("bool"),
            "feature-gates": Flag("colonSeparatedMultimapStringString"),
            "profiling": Flag("bool", is_deprecated=True),
            "v": Flag("Level"),
            "version": Flag("version"),
            "vmodule": Flag("pattern=N,..."),
        },
        ("AllAlpha", "WatchList"),
    )


def test_those_of_etcd_have_none() -> None:
    assert parse_help("etcd", ETCD) == ComponentFlags(
        {
            "name": Flag(),
            "memory-mlock": Flag(),
            "max-snapshots": Flag(is_deprecated=True),
            "feature-gates": Flag(),
        },
        ("InitialCorruptCheck",),
    )


def test_what_etcds_help_says_is_asked_of_etcd() -> None:
    known = asked_flags("etcd", parse_help("etcd", ETCD), lambda name: name in {"name", "v"})
    assert set(known.flags) == {"name", "v"}


def test_what_a_help_leaves_out_is_asked_too() -> None:
    asked: list[str] = []

    def takes(name: str) -> bool:
        asked.append(name)
        return name == "kubelet-port"

    known = asked_flags("kube-apiserver", ComponentFlags({"v": Flag("Level")}), takes)
    assert known.flags == {"v": Flag("Level"), "kubelet-port": Flag(is_deprecated=True)}
    assert "v" not in asked


@pytest.mark.parametrize(
    ("message", "unknown"),
    [
        ("Error: unknown flag: --nosuch", True),
        ("flag provided but not defined: -nosuch", True),
        ('Error: invalid argument "x" for "--kubelet-port" flag', False),
    ],
)
def test_programs_say_what_they_do_not_know(message: str, *, unknown: bool) -> None:
    assert is_unknown(message) is unknown


WORDS = st.from_regex(r"[a-z][a-z-]{0,9}", fullmatch=True).filter(lambda word: word != "deprecated")
RECORDS = st.dictionaries(
    st.sampled_from(COMPONENTS),
    st.builds(
        ComponentFlags,
        st.dictionaries(WORDS, st.builds(Flag, st.sampled_from(["", "bool", "int32"]), st.booleans())),
        st.lists(WORDS, unique=True).map(sorted).map(tuple),
    ),
)


@given(record=RECORDS)
def test_what_is_written_is_read_again(record: dict[str, ComponentFlags]) -> None:
    assert read_flags(flags_text(record), "flags.json") == record


@pytest.mark.parametrize("text", ["", "[]", '{"etcd": 1}', '{"etcd": {"flags": {"a": 1}, "gates": []}}'])
def test_what_is_no_record_is_told(text: str) -> None:
    with pytest.raises(IntegrityError, match=r"v9/flags.json: no record of flags .*`windlass mirror` writes one"):
        read_flags(text, "v9/flags.json")
