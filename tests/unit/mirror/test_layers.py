from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

from windlass.mirror.debian import Entry
from windlass.mirror.layers import ImageSettings, file_digest, write_layout, write_tar

ENTRIES = {
    "usr/local/bin/kube": Entry(b"program", 0o755),
    "etc/passwd": Entry(b"root:x:0:0::/:/bin/sh\n", 0o644),
    "usr/local/bin/kubelet": Entry(b"", 0o777, "kube"),
    "tmp": None,
}


def test_the_same_entries_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"

    write_tar(ENTRIES, first)
    os.umask(os.umask(0o077))
    write_tar(dict(reversed(ENTRIES.items())), second)

    assert first.read_bytes() == second.read_bytes()


def test_a_layer_has_no_times_and_belongs_to_root(tmp_path: Path) -> None:
    write_tar(ENTRIES, tmp_path / "layer.tar")

    with tarfile.open(tmp_path / "layer.tar") as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}
    by_name = {member.name: member for member in members}
    assert by_name["usr/local"].isdir()
    assert by_name["tmp"].mode == 0o1777
    assert by_name["usr/local/bin/kubelet"].linkname == "kube"


def test_a_layout_names_everything_by_its_digest(tmp_path: Path) -> None:
    write_tar(ENTRIES, tmp_path / "layer.tar")
    settings = ImageSettings("amd64", entrypoint=["/kube"], user="65535", labels={"a": "b"})

    layout = write_layout([tmp_path / "layer.tar"], settings, tmp_path)

    blobs = layout / "blobs/sha256"
    assert {path.name for path in blobs.iterdir()} == {
        hashlib.sha256(p.read_bytes()).hexdigest() for p in blobs.iterdir()
    }
    manifest_digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    manifest = json.loads((blobs / manifest_digest.removeprefix("sha256:")).read_text())
    config = json.loads((blobs / manifest["config"]["digest"].removeprefix("sha256:")).read_text())
    assert config["rootfs"]["diff_ids"] == [file_digest(tmp_path / "layer.tar")]
    assert config["config"]["Entrypoint"] == ["/kube"]
    assert config["config"]["User"] == "65535"


def test_two_layouts_of_the_same_layers_are_the_same(tmp_path: Path) -> None:
    write_tar(ENTRIES, tmp_path / "layer.tar")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_layout([tmp_path / "layer.tar"], ImageSettings("amd64", command=["kube"]), tmp_path / name)

    one, two = ((tmp_path / name / "layout/index.json").read_bytes() for name in ("one", "two"))
    assert one == two
