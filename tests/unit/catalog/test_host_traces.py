"""What a driver leaves on hosts is taken away with it, and nothing of the drivers that stay."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.catalog.drivers import HostTraces

WORDS = st.lists(st.sampled_from(["kube", "kube-a", "flannel", "flan", "cni"]), max_size=3, unique=True).map(tuple)
PATHS = st.lists(
    st.sampled_from(
        [
            "/run/one",
            "/run/one/in",
            "/run/one-more",
            "/run/one*",
            "/run/*one",
            "/run/two/*.conf",
            "/run/two",
            "/var/lib/one",
        ]
    ),
    max_size=4,
    unique=True,
).map(tuple)
TRACES = st.builds(HostTraces, WORDS, WORDS, WORDS, WORDS, PATHS)
FILES = ("/run/one", "/run/one/in", "/run/one/in/it", "/run/one-more", "/run/two/a.conf", "/run/two/b", "/var/lib/a")


def takes(traces: HostTraces, file: str) -> bool:
    """Whether `rm -rf` of the paths takes a file."""
    above = [file, *map(str, PurePosixPath(file).parents)]
    return any(fnmatchcase(one, path) and one.count("/") == path.count("/") for path in traces.paths for one in above)


@given(leaves=TRACES, stays=TRACES)
def test_nothing_goes_that_a_driver_has_which_stays(leaves: HostTraces, stays: HostTraces) -> None:
    goes = leaves.without(stays)
    for kind in ("interfaces", "chains", "tables"):
        assert not set(getattr(goes, kind)) & set(getattr(stays, kind))
    for name in ("kube0", "kube-a0", "flannel.1", "flan0", "cni0"):
        is_kept = any(name.startswith(route) for route in stays.routes)
        assert not (is_kept and any(name.startswith(route) for route in goes.routes))
    for file in FILES:
        assert not (takes(stays, file) and takes(goes, file))


@given(leaves=TRACES, stays=TRACES)
def test_all_goes_that_nobody_else_has(leaves: HostTraces, stays: HostTraces) -> None:
    goes = leaves.without(stays)
    assert leaves.without(HostTraces()) == leaves
    for kind in ("interfaces", "chains", "tables"):
        assert set(getattr(goes, kind)) == set(getattr(leaves, kind)) - set(getattr(stays, kind))
    for path in leaves.paths:
        alike = path in stays.paths or "*" in path or any("*" in one for one in stays.paths)
        meets = any(f"{one}/".startswith(f"{path}/") or f"{path}/".startswith(f"{one}/") for one in stays.paths)
        assert path in goes.paths or alike or meets
    assert goes.without(stays) == goes
    assert leaves.without(leaves) == HostTraces()
