"""Files of a Git repository at one commit, by the program `git`: fetched, and never checked out.

There is no working tree, so that nothing of a repository runs here (hooks, filters) and no link of it leads anywhere.
Whoever may write the repository may write what is read here, and nothing else: bounds are as for any text from outside.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import quote, urlsplit

from windlass.domain.secret import Secret
from windlass.effects.spec_folder import ENDINGS, MOST_BYTES, MOST_FILES
from windlass.errors import SpecError, UnreachableError

_WITHIN = timedelta(minutes=2)
"""For each command: a shallow fetch of specs takes seconds."""
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")
_REGULAR = ("100644", "100755")
_SAID = 300
_IS_WRONG = ("couldn't find remote ref", "does not appear to be a git repository", "dubious ownership")


@dataclass(frozen=True)
class GitSource:
    """A repository, and how to get in."""

    url: str
    folder: str = ""
    """The folder of the specs in it; empty: all of it."""
    login: str = ""
    password: Secret | None = None
    private_key: Secret | None = None
    known_hosts: str = ""


@dataclass(frozen=True)
class Commit:
    """The YAML files of a folder at one commit."""

    revision: str
    texts: Mapping[str, str]
    wrong: Mapping[str, str] = field(default_factory=dict)
    """Why files cannot be read, by path."""


def read_commit(source: GitSource, ref: str) -> Commit:
    """Return the files at a branch, tag or commit.

    SpecError if there is none such, UnreachableError if nobody answers.
    """
    if not _REF.fullmatch(ref) or ".." in ref:
        raise SpecError(f"{ref!r} is no name of a branch, a tag or a commit")
    if source.url.startswith("-"):
        raise SpecError(f"{source.url!r} is no address of a repository")
    with TemporaryDirectory(prefix="windlass-git-") as place, _access(source, Path(place)) as access:
        git = _Git(Path(place) / "repository", access)
        git.run("init", "--quiet", "--bare", str(git.repository))
        git.run("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", source.url, ref)
        revision = git.text("rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()
        return _read(git, revision, source.folder)


def _read(git: _Git, revision: str, folder: str) -> Commit:
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    listed = git.text("ls-tree", "-r", "-z", "-l", "--full-tree", revision, *(["--", prefix] if prefix else []))
    found = [one for one in map(_entry, filter(None, listed.split("\0"))) if _is_meant(one, prefix)]
    if prefix and not listed:
        raise SpecError(f"{revision[:12]} has no folder `{folder}`")
    if len(found) > MOST_FILES:
        raise SpecError(f"{revision[:12]} has {len(found)} YAML files, over {MOST_FILES}; name the folder of the specs")
    texts, wrong = {}, {}
    for one in found:
        name = one.path.removeprefix(prefix)
        if one.size > MOST_BYTES:
            wrong[name] = f"{name}: it is larger than {MOST_BYTES} bytes; a spec is one short document"
            continue
        try:
            texts[name] = git.run("cat-file", "blob", one.blob).decode()
        except UnicodeDecodeError as error:
            wrong[name] = f"{name}: cannot be read: {error}"
    return Commit(revision, texts, wrong)


@dataclass(frozen=True)
class _Entry:
    mode: str
    blob: str
    size: int
    path: str


def _entry(line: str) -> _Entry:
    about, _, path = line.partition("\t")
    mode, _, blob, size = about.split()
    return _Entry(mode, blob, int(size) if size.isdigit() else 0, path)


def _is_meant(one: _Entry, prefix: str) -> bool:
    path = PurePosixPath(one.path.removeprefix(prefix))
    is_hidden = any(part.startswith(".") for part in path.parts)
    return one.mode in _REGULAR and path.suffix in ENDINGS and not is_hidden


@dataclass(frozen=True)
class _Git:
    repository: Path
    access: Mapping[str, str]

    def text(self, *words: str) -> str:
        return self.run(*words).decode(errors="replace")

    def run(self, *words: str) -> bytes:
        """Return what git says; the error has its last words, and no login."""
        where = [] if words[0] == "init" else [f"--git-dir={self.repository}"]
        try:
            done = subprocess.run(
                ["git", *where, *words],
                env=self.access,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_WITHIN.total_seconds(),
                check=False,
            )
        except FileNotFoundError as error:
            raise SpecError("there is no program `git` on this worker; install it, or follow a folder") from error
        except subprocess.TimeoutExpired as error:
            raise UnreachableError(f"git {words[0]} was not done after {_WITHIN}") from error
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[-_SAID:]
            kind = SpecError if any(one in said for one in _IS_WRONG) else UnreachableError
            raise kind(f"git {words[0]} failed: {said}")
        return done.stdout


@contextmanager
def _access(source: GitSource, place: Path) -> Iterator[Mapping[str, str]]:
    """Give the environment of git: none of this process's own but its path, and logins in files of mode 0600."""
    if "@" in urlsplit(source.url).netloc and urlsplit(source.url).password:
        raise SpecError("the URL of the repository has a password in it; give it as the connection's")
    settings = {"protocol.allow": "never", "fetch.fsckObjects": "true"}
    settings |= {f"protocol.{one}.allow": "always" for one in ("https", "ssh", "file")}
    if source.password is not None:
        settings |= {"credential.helper": f"store --file={_credentials(source, place)}"}
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(place),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": " ".join(_ssh(source, place)),
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    yield environment


def _credentials(source: GitSource, place: Path) -> Path:
    parts = urlsplit(source.url)
    password = quote(source.password.reveal(), safe="") if source.password else ""
    line = f"{parts.scheme}://{quote(source.login or 'git', safe='')}:{password}@{parts.netloc.rpartition('@')[2]}\n"
    return _private(place / "credentials", line)


def _ssh(source: GitSource, place: Path) -> Sequence[str]:
    words = ["ssh", "-F", os.devnull, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    words += ["-o", f"UserKnownHostsFile={_private(place / 'known_hosts', source.known_hosts)}"]
    if source.private_key is not None:
        words += ["-o", "IdentitiesOnly=yes", "-i", str(_private(place / "key", source.private_key.reveal()))]
    return words


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    return path
