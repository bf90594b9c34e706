"""The command on a copy of the shipped catalog: a patch release is a change of data, and renders at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from unit.catalog.test_drivers import drivers_of
from unit.catalog.test_tested import case, suite
from windlass.cli.main import main
from windlass.domain.artifacts import Artifact, parse_lock
from windlass.domain.catalog import Release
from windlass.domain.catalog.tested import SuiteOutcome, record_of
from windlass.domain.rollout import check_target
from windlass.effects.catalog import load_catalog, save_record
from windlass.mirror import cache

SHIPPED = Path(__file__).parents[3] / "include"


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache, "mirror_root", lambda: tmp_path / "no mirror")
    target = tmp_path / "include"
    for part in ("templates", "mirror"):
        shutil.copytree(SHIPPED / part, target / part)
    return target


def catalog(include: Path, *words: str) -> int:
    return main(["catalog", "--include", str(include), *words])


def lock_file(include: Path, release: Release) -> Path:
    parts = [Artifact("file", name, version) for name, version in release.files.items()]
    parts += [Artifact("image", name, version) for name, version in release.images.items()]
    entries = {
        str(part): {"digest": "sha256:" + part.name.encode().hex().ljust(64, "0")[:64], "size": 1, "origin": "build"}
        for part in parts
    }
    path = include / "lock.json"
    path.write_text(json.dumps({"source": "modules", "artifacts": entries}))
    return path


def test_lists_every_release_with_where_it_leads(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert catalog(include, "list", "--json") == 0
    rows = {row["version"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["v1.36.3"]["upgradesTo"] == ["v1.37.2"]
    assert catalog(include, "list") == 0
    assert "v1.37.2" in capsys.readouterr().out


def test_shows_what_a_release_is_made_of_and_what_it_removes(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert catalog(include, "show", "v1.37.2") == 0
    shown = capsys.readouterr().out
    assert "removes storage.k8s.io/v1beta1 (VolumeAttributesClass): use storage.k8s.io/v1" in shown
    assert "etcd moves from 3.6 to 3.7" in shown
    assert catalog(include, "show", "v1.2.3") == 2


def test_a_patch_release_is_a_change_of_data(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert catalog(include, "add", "v1.37.3", "--set", "etcd=v3.7.4") == 0

    found = load_catalog(include / "templates" / "kubernetes")
    release = found.release("v1.37.3")
    assert release.images["kube-apiserver"] == release.files["kubelet"] == "v1.37.3"
    assert release.images["etcd"] == "v3.7.4"
    assert release.removed_apis == found.release("v1.37.2").removed_apis
    assert check_target(found, "v1.36.3", "v1.37.3") is release
    assert check_target(found, "v1.37.2", "v1.37.3") is release
    mirror = (include / "mirror" / "artifacts.yaml").read_text()
    assert "- {file: kubelet, version: v1.37.3}\n" in mirror
    assert "- {image: etcd, version: v3.7.4}\n" in mirror
    capsys.readouterr()
    assert catalog(include, "verify", "v1.37.3", "--lock", str(lock_file(include, release))) == 0
    shown = capsys.readouterr().out
    assert "v1.37.3: 32 renderings, 22 artifacts: 0 problems" in shown
    assert "v1.37.3: untested" in shown


def test_a_version_that_looks_like_a_number_stays_a_text(include: Path) -> None:
    assert catalog(include, "add", "v1.37.3", "--set", "pause=3.11") == 0
    assert load_catalog(include / "templates" / "kubernetes").release("v1.37.3").images["pause"] == "3.11"
    assert '- {image: pause, version: "3.11"}\n' in (include / "mirror" / "artifacts.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("add", "v1.37.2"), 3, "has v1.37.2 already"),
        (("add", "v1.99.1"), 2, "no release of 1.99 before"),
        (("add", "v1.37.9", "--set", "nothing=v1"), 2, "has no such part"),
        (("add", "v1.37.9", "--set", "etcd"), 2, "write NAME=VERSION"),
        (("verify", "v1.37.2", "--lock", "missing.json"), 1, "cannot be read"),
    ],
)
def test_what_cannot_be_is_told(
    include: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, told: str
) -> None:
    assert catalog(include, *words) == code
    assert told in capsys.readouterr().err
    assert not (include / "templates" / "kubernetes" / "v1.37.9").exists()


def test_passed_tests_are_recorded_and_a_failed_one_is_too(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = lock_file(include, load_catalog(include / "templates" / "kubernetes").release("v1.37.2"))
    report, other = include / "report.xml", include / "other.xml"
    other.write_text(suite(case("test_upgrade")))
    words = ("verify", "v1.37.2", "--lock", str(lock), "--results", str(report), str(other))
    report.write_text(suite(case("test_create")))
    assert catalog(include, *words) == 1
    assert "nothing is recorded: no test passed on it of test_recovery, test_drill" in capsys.readouterr().out
    report.write_text(suite(case("test_create"), case("test_recovery")))
    assert catalog(include, *words) == 1
    assert "nothing is recorded: no test passed on it of test_drill" in capsys.readouterr().out
    report.write_text(suite(case("test_create"), case("test_recovery"), case("test_drill")))
    assert catalog(include, *words) == 0
    capsys.readouterr()
    catalog(include, "show", "v1.37.2")
    assert capsys.readouterr().out.startswith("Kubernetes v1.37.2: tested\n")

    lock.write_text(lock.read_text().replace("sha256:" + b"etcd".hex(), "sha256:0000"))
    catalog(include, "show", "v1.37.2", "--lock", str(lock))
    shown = capsys.readouterr().out
    assert shown.startswith("Kubernetes v1.37.2: changed\n")
    assert "changed since: image:etcd:v3.7.3\n" in shown

    report.write_text(suite(case("test_create", end="<failure/>")))
    assert catalog(include, *words) == 1
    catalog(include, "list")
    assert "v1.37.2    failed" in capsys.readouterr().out


def test_a_release_whose_record_has_no_drill_is_not_verified(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = include / "templates" / "kubernetes"
    release = load_catalog(directory).release("v1.36.3")
    lock = lock_file(include, release)
    without = SuiteOutcome(3, 0, modules=("test_create", "test_recovery", "test_upgrade"))
    save_record(directory, record_of(release, parse_lock(lock.read_text()), without, "2026-11-24T00:00:00+00:00"))
    for words in (("list",), ("show", "v1.36.3"), ("verify", "v1.36.3")):
        assert catalog(include, *words, "--lock", str(lock)) == 0
        (told,) = [line for line in capsys.readouterr().out.splitlines() if "untested" in line and "v1.36.3" in line]
        assert "not verified: no drill" in told


def test_an_artifact_that_nobody_has_is_a_problem(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = lock_file(include, load_catalog(include / "templates" / "kubernetes").release("v1.36.3"))
    assert catalog(include, "verify", "v1.37.2", "--lock", str(lock)) == 1
    assert "artifact: image:etcd:v3.7.3 is not in the lock of the source `modules`" in capsys.readouterr().out


def test_a_template_that_does_not_render_is_a_problem(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = include / "templates" / "kubernetes"
    lock = lock_file(include, load_catalog(directory).release("v1.37.2"))
    (directory / "1.37" / "host").mkdir()
    (directory / "1.37" / "host" / "sysctl.conf.j2").write_text("{{ nobody.knows }}")

    assert catalog(include, "verify", "v1.37.2", "--lock", str(lock)) == 1

    told = "rendering (standalone, as it comes, cgroup v1): the catalog's v1.37.2: template host/sysctl.conf.j2"
    assert told in capsys.readouterr().out


class TestDriversAndStacks:
    """Below `drivers` and `stacks`; a driver of one's own comes from a directory that WINDLASS_DRIVERS names."""

    @pytest.fixture
    def own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        drivers_of(tmp_path / "own")
        monkeypatch.setenv("WINDLASS_DRIVERS", str(tmp_path / "own" / "drivers"))
        return tmp_path / "own" / "drivers" / "monitoring" / "gauge"

    def test_are_listed(self, include: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert catalog(include, "drivers", "list") == 0
        shown = capsys.readouterr().out
        assert "network/flannel " in shown
        assert "monitoring/gauge               Gauge: Measures, for this test\n" in shown
        assert catalog(include, "drivers", "list", "--json") == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["drivers"]}
        assert rows["monitoring/gauge"]["file"] == str(own / "driver.yaml")
        assert catalog(include, "stacks", "list") == 0
        assert "edge-proxy" in capsys.readouterr().out

    def test_one_that_cannot_be_loaded_is_listed_with_why(
        self, include: Path, own: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (own / "driver.yaml").write_text("title: Gauge\n")
        assert catalog(include, "drivers", "list") == 1
        assert f"monitoring/gauge: cannot be picked: {own}/driver.yaml:1: description" in capsys.readouterr().out

    def test_are_shown_with_what_they_ask(self, include: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert own.is_dir()
        assert catalog(include, "drivers", "show", "gauge") == 0
        shown = capsys.readouterr().out
        assert "spec.monitoring.values.days (integer, default 7): For how many days numbers are kept" in shown
        assert "images: gauge v2.1.0" in shown
        assert catalog(include, "drivers", "show", "network/flannel") == 0
        assert "ports between nodes: 8472/udp" in capsys.readouterr().out
        assert catalog(include, "drivers", "show", "none") == 2
        assert catalog(include, "stacks", "show", "edge-proxy") == 0
        assert "values.ports (string" in capsys.readouterr().out
        assert catalog(include, "stacks", "show", "postgresql") == 0
        shown = capsys.readouterr().out
        assert "values.password (password, must be answered)" in shown
        assert "runs on 1 of the hosts that fit; its data: /var/lib/windlass/stacks/postgresql\n" in shown
        assert "service postgresql: tcp at port ${port}, recreate\n" in shown

    def test_a_stack_that_cannot_be_loaded_is_listed_with_why(
        self, include: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "stacks" / "web" / "stack.yaml"
        file.parent.mkdir(parents=True)
        file.write_text("title: Web\n")
        monkeypatch.setenv("WINDLASS_STACKS", str(tmp_path / "stacks"))
        told = f"cannot be picked: {file}:1: description: Field required"
        assert catalog(include, "stacks", "list") == 1
        assert told in capsys.readouterr().out
        assert catalog(include, "stacks", "list", "--json") == 1
        assert json.loads(capsys.readouterr().out)["broken"][0]["name"] == "web"
        assert catalog(include, "stacks", "verify") == 1
        assert f"{file}:1: description: Field required" in capsys.readouterr().out
        assert catalog(include, "stacks", "show", "web") != 0

    def test_are_rendered_for_every_release_with_each_choice(
        self, include: Path, own: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert catalog(include, "drivers", "verify") == 0
        assert ": 0 problems" in capsys.readouterr().out
        (own / "gauge.yaml.j2").write_text("kind: {{ nothing }}\n")
        assert catalog(include, "drivers", "verify", "monitoring/gauge") == 1
        shown = capsys.readouterr().out
        assert (
            "v1.37.2, monitoring/gauge, as it comes): the catalog's v1.37.2: template drivers/monitoring/gauge" in shown
        )
        assert "1 drivers, 1 renderings: 1 problems" in shown  # it is for 1.37 alone
        assert catalog(include, "stacks", "verify") == 0
        assert ": 0 problems" in capsys.readouterr().out

    def test_images_that_a_driver_brings_are_looked_for_in_the_lock(
        self, include: Path, own: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert own.is_dir()
        lock = lock_file(include, load_catalog(include / "templates" / "kubernetes").release("v1.37.2"))
        assert catalog(include, "drivers", "verify", "gauge", "--lock", str(lock)) == 1
        assert "image:gauge:v2.1.0 is not in the lock" in capsys.readouterr().out
