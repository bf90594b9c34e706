"""Takes files out of Debian packages that the machine's own apt fetched and checked."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from posixpath import normpath

from windlass.domain.part_versions import DebianVersion
from windlass.effects.archives import open_tar
from windlass.errors import CommandError, IntegrityError, WindlassError
from windlass.mirror.checksums import file_sha256
from windlass.mirror.commands import Commands, require
from windlass.mirror.deb import DATA, data_archive
from windlass.mirror.elf import needed_libraries
from windlass.mirror.places import own_architecture
from windlass.mirror.source import Progress

RELEASE = "bookworm"
MOST_BYTES = 512 * 1024 * 1024
"""Of the files of one package; the largest that recipes take from has some ten million."""
_MERGED = ("bin", "sbin", "lib", "lib64")
# Whatever this machine's own settings say, nothing is taken from an index that the archive's keys did not sign.
_SIGNED_ONLY = (
    "APT::Get::AllowUnauthenticated=false",
    "Acquire::AllowInsecureRepositories=false",
    "Acquire::AllowWeakRepositories=false",
    "Acquire::AllowDowngradeToInsecureRepositories=false",
)
_APT_GET = ("apt-get", "--quiet", *(word for setting in _SIGNED_ONLY for word in ("--option", setting)))


_NO_PACKAGES = "no-packages"


def _settings_of_its_own(directory: Path, architecture: str) -> tuple[str, ...]:
    """Return the options by which apt works for `architecture` alone, with what it keeps below `directory`.

    Whose packages are signed, and where they come from, stays as this machine says (apt.conf(5)).
    """
    settings = (
        f"APT::Architecture={architecture}",
        f"APT::Architectures={architecture}",
        f"Dir::State::lists={directory}/lists",
        f"Dir::State::status={directory}/{_NO_PACKAGES}",
        f"Dir::Cache={directory}/cache",
    )
    return tuple(word for setting in settings for word in ("--option", setting))


@dataclass(frozen=True)
class Entry:
    """A file or a symbolic link out of a package."""

    content: bytes
    mode: int
    link: str | None = None


class Apt:
    """Fetches packages of the one Debian release that the recipes are written for."""

    def __init__(self, commands: Commands, downloads: Path, architecture: str | None = None) -> None:
        """Take packages for `architecture`, this machine's if none is said, and keep them in `downloads`.

        For another one apt has lists and settings of its own there: this machine's stay as they are, and no right of
        root is needed.
        """
        self._commands = commands
        is_foreign = architecture not in {None, own_architecture()}
        self._downloads = downloads / str(architecture) if is_foreign else downloads
        self._settings = _settings_of_its_own(self._downloads, str(architecture)) if is_foreign else ()
        self._may_update = is_foreign or os.geteuid() == 0
        self._one_at_a_time, self._preparing = threading.Lock(), threading.Lock()
        self._updated, self._has_lists = False, not is_foreign

    def fetch(self, packages: Sequence[str], progress: Progress) -> tuple[Path, ...]:
        """Download the packages with everything they depend on; return the .deb files in order of their names."""
        return self._download(self._closure(packages), progress)

    def version(self, package: str) -> str:
        """Return the version of `package` that apt offers, with Debian's revision."""
        return self._candidates([package])[package]

    def check_version(self, package: str, artifact: str, version: str, least: str = "") -> None:
        """Raise unless apt offers `package` in the version that `artifact` is to have, and not before `least`."""
        revision = self.version(package)
        if least and DebianVersion(revision) < DebianVersion(least):
            raise WindlassError(
                f"{artifact}: apt offers {package} {revision}, and {least} is the first without flaws that Debian has "
                f"fixed: take the updates of {RELEASE} and {RELEASE}-security into apt's sources, then `apt-get update`"
            )
        offered = upstream_version(revision)
        if offered != version.removeprefix("v"):
            raise WindlassError(
                f"{artifact}: Debian {RELEASE} has {package} {offered} now; "
                f"put v{offered} into include/mirror/artifacts.yaml"
            )

    def _download(self, names: Sequence[str], progress: Progress) -> tuple[Path, ...]:
        with self._one_at_a_time:
            candidates = self._candidates(names)
            patterns = {name: f"{name}_{version.replace(':', '%3a')}_*.deb" for name, version in candidates.items()}
            lacking = [name for name in names if not any(self._downloads.glob(patterns[name]))]
            if lacking:
                progress.say(f"apt-get download of {len(lacking)} packages")
                self._apt("download", *lacking)
            found = [sorted(self._downloads.glob(pattern)) for pattern in patterns.values()]
            if not all(found):
                raise IntegrityError(f"this machine: apt-get left not all of {', '.join(lacking)} in {self._downloads}")
            chosen = {name: files[0] for name, files in zip(patterns, found, strict=True)}
            self._check_sums(chosen, candidates)
        return tuple(sorted(chosen.values()))

    def _check_sums(self, packages: Mapping[str, Path], versions: Mapping[str, str]) -> None:
        """Raise IntegrityError unless each file is what apt's index says, whose signature apt has checked.

        What was downloaded for an earlier fill may have been changed since.
        """
        if not packages:
            return
        asked = [f"{name}={versions[name]}" for name in packages]
        sums = index_sums(self._ask("show", *asked))
        for name, path in packages.items():
            got, expected = file_sha256(path), sums.get((name, versions[name]), frozenset())
            if got not in expected:
                path.unlink()
                said = " or ".join(sorted(expected)) or "nothing"
                raise IntegrityError(
                    f"this machine: {path} has the SHA-256 {got}, and Debian's index says {said}; it was removed, "
                    "run again"
                )

    def _candidates(self, names: Sequence[str]) -> dict[str, str]:
        self._prepare()
        shown = self._ask("policy", *names)
        offered = dict(re.findall(r"^(\S+):\n.*\n  Candidate: (\S+)", shown, flags=re.MULTILINE))
        unknown = [name for name in names if offered.get(name, "(none)") == "(none)"]
        if unknown:
            raise WindlassError(
                f"this machine: apt knows no package {unknown[0]}; run `apt-get update`, then run again"
            )
        return offered

    def _closure(self, packages: Iterable[str]) -> list[str]:
        """Name the packages that would be installed on a system that has none."""
        self._prepare()
        nothing = self._downloads / _NO_PACKAGES
        listed = self._apt(
            "--option", f"Dir::State::status={nothing}", "--no-install-recommends", "--simulate", "install", *packages
        )  # fmt: skip
        return sorted(set(re.findall(r"^Inst (\S+)", listed, flags=re.MULTILINE)))

    def _apt(self, *arguments: str) -> str:
        require("apt-get", f"the source `modules` takes some files from Debian packages: run on Debian {RELEASE}")
        check_release(Path("/etc/os-release"))
        try:
            return self._get(*arguments)
        except CommandError:
            if self._updated or not self._may_update:
                raise
            self._updated = True  # the package lists may be old or missing: once is worth a try
            self._get("update")
            return self._get(*arguments)

    def _prepare(self) -> None:
        """Make the directory, and have the lists of another architecture, which nobody else fetches."""
        self._downloads.mkdir(parents=True, exist_ok=True)
        (self._downloads / _NO_PACKAGES).touch()
        with self._preparing:  # whoever comes meanwhile waits for the lists
            if not self._has_lists:
                for directory in ("lists/partial", "cache/archives/partial"):
                    (self._downloads / directory).mkdir(parents=True, exist_ok=True)
                self._apt("update")
                self._has_lists = True

    def _get(self, *arguments: str) -> str:
        return self._commands.run([*_APT_GET, *self._settings, *arguments], directory=self._downloads)

    def _ask(self, *arguments: str) -> str:
        return self._commands.run(["apt-cache", *self._settings, *arguments], directory=self._downloads)


def index_sums(shown: str) -> dict[tuple[str, str], frozenset[str]]:
    """Read what `apt-cache show` prints into the SHA-256 sums that indexes give for each package and version."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for stanza in shown.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|SHA256): *(\S+)$", stanza, flags=re.MULTILINE))
        if len(fields) == 3:
            key = fields["Package"], fields["Version"]
            found[key] = found.get(key, frozenset()) | {fields["SHA256"]}
    return found


def check_release(os_release: Path) -> None:
    """Raise unless this machine's apt speaks of the release that the recipes are written for."""
    text = os_release.read_text(encoding="utf-8") if os_release.exists() else ""
    if not re.search(rf'^VERSION_CODENAME="?{RELEASE}"?$', text, flags=re.MULTILINE):
        raise WindlassError(
            f"this machine is not Debian {RELEASE}, whose packages some recipes take files from; run `windlass mirror` "
            f"in a Debian {RELEASE} container with the same WINDLASS_CACHE, or use `--source official`"
        )


def upstream_version(version: str) -> str:
    """Cut a Debian version down to that of the program: ``1:2.6.12+dfsg-1+deb12u4`` is ``2.6.12``."""
    return re.split(r"[-+~]", version.split(":", 1)[-1], maxsplit=1)[0]


def unpack(packages: Iterable[Path]) -> dict[str, Entry]:
    """Read all packages into one tree by path without leading slash; /bin, /lib and so on are below /usr."""
    tree: dict[str, Entry] = {}
    links: list[tuple[str, str]] = []
    for package in packages:
        where = f"{package}: {DATA}"
        with open_tar(data_archive(package.read_bytes(), str(package)), MOST_BYTES, where) as entries:
            for entry in entries:
                path = merged(entry.name)
                if entry.kind == "file":
                    tree[path] = Entry(entries.read(), entry.mode & 0o755)
                elif entry.kind == "symbolic link":
                    tree[path] = Entry(b"", 0o777, entry.link)
                elif entry.kind == "hard link":
                    links.append((path, merged(entry.link)))
    lost = [path for path, target in links if target not in tree]
    if lost:
        raise IntegrityError(f"the Debian packages have `{lost[0]}` as a link to nothing; remove them and run again")
    tree.update({path: tree[target] for path, target in links})
    return tree


def merged(path: str) -> str:
    """Write a path of a package as it is on a system whose /bin, /sbin and /lib are links into /usr."""
    clean = normpath(path).lstrip("/")
    return f"usr/{clean}" if clean.split("/", 1)[0] in _MERGED else clean


def select(tree: Mapping[str, Entry], patterns: Sequence[str]) -> dict[str, Entry]:
    """Take what matches, follow links, and add every library that the programs need; errors name what is missing."""
    chosen: dict[str, Entry] = {}
    for pattern in patterns:
        matching = [path for path in tree if fnmatch(path, pattern)]
        if not matching:
            raise WindlassError(f"modules.yaml: no file of the Debian packages matches `{pattern}`")
        for path in matching:
            _add(path, tree, chosen)
    return dict(sorted(chosen.items()))


def _add(path: str, tree: Mapping[str, Entry], chosen: dict[str, Entry]) -> None:
    waiting = [path]
    while waiting:
        path = waiting.pop()
        if path not in chosen:
            entry = chosen[path] = tree[path]
            waiting += _also_needed(path, entry, tree)


def _also_needed(path: str, entry: Entry, tree: Mapping[str, Entry]) -> list[str]:
    """Return what a link leads to, if a package has it, or the libraries of a program."""
    if entry.link is not None:
        target = merged(entry.link if entry.link.startswith("/") else f"{PurePosixPath(path).parent}/{entry.link}")
        return [target] if target in tree else []
    return [_find_library(library, path, tree) for library in needed_libraries(entry.content)]


def _find_library(name: str, wanted_by: str, tree: Mapping[str, Entry]) -> str:
    if name.startswith("/") and merged(name) in tree:
        return merged(name)
    for path in tree:
        if path.startswith("usr/lib/") and path.endswith(f"/{name}") and path.count("/") <= 3:
            return path
    raise WindlassError(f"modules.yaml: {wanted_by} needs {name}, which none of the Debian packages has")
