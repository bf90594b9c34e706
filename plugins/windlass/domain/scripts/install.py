"""What is installed on a host, and the scripts that do it; each looks first and changes only what is missing.

The scripts need a POSIX shell, curl, tar and sha256sum, run as root with the script on stdin, and print a line
`changed: WHAT` for everything that they changed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from windlass.domain.artifacts import Lock
from windlass.domain.host.layout import ARTIFACTS, DOCKER_UNFINISHED, HOST_RECORD, PROXY_ENVIRONMENT
from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.rendering.installs import HostDirectory, Install
from windlass.domain.scripts.host_record import PULLED
from windlass.domain.scripts.script import CHANGED, Script

WRONG_CHECKSUM = 65
"""Exit code of a script that got other bytes than the lock promises (EX_DATAERR of sysexits.h)."""
NO_DOWNLOAD = 69
"""Exit code of a script that could not fetch something (EX_UNAVAILABLE of sysexits.h)."""
Step = tuple[str, ...]
"""`fetch` with directory, label, URL, SHA-256 and kind, or `link` with target and path."""


def install_script(installs: Sequence[Install], lock: Lock, mirror: MirrorAddresses) -> Script:
    """Return the script that fetches `installs` from the mirror, checks them against the lock, and links them.

    IntegrityError if the lock has no digest of one of them.
    """
    steps = [step for one in installs for step in (_fetch(one, lock, mirror), *_links(one, lock, mirror))]
    return Script("install-artifacts", {"steps": tuple(steps)}, _steps_text(steps, mirror))


def fetch_script(installs: Sequence[Install], lock: Lock, mirror: MirrorAddresses) -> Script:
    """Return the script that fetches and checks as `install_script` does, and links nothing: what runs stays as it is.

    IntegrityError if the lock has no digest of one of them.
    """
    steps = [_fetch(install, lock, mirror) for install in installs]
    return Script("fetch-artifacts", {"steps": tuple(steps)}, _steps_text(steps, mirror))


def _steps_text(steps: Sequence[Step], mirror: MirrorAddresses) -> str:
    # A mirror is inside, where no proxy of the host's environment is asked; the publishers' sites are outside.
    inside = ["export no_proxy='*' NO_PROXY='*'"] if mirror.files else [_PROXY]
    return "\n".join([*inside, _PRELUDE, *map(shlex.join, steps)]) + "\n"


_PROXY = f"[ ! -e {PROXY_ENVIRONMENT} ] || {{ set -a; . {PROXY_ENVIRONMENT}; set +a; }}"
_PRELUDE = f"""set -eu
umask 022
mkdir -p {ARTIFACTS}
fetch() {{ # directory name url sha256 archive|file
  [ ! -e "$1" ] || return 0
  # Its own directory: what a killed task left running here may still be at the same artifact.
  for old in "$1".part.*; do [ -d "/proc/${{old##*.}}" ] || rm -rf "$old"; done
  part="$1.part.$$"; mkdir -p "$part"
  # What went wrong is kept in a variable: on a full disk a file of it would be empty.
  if ! why=$(curl -fsSL --retry 3 --retry-connrefused --connect-timeout 5 -o "$part/file" "$3" 2>&1); then
    free=$(df -Pk "$part" | awk 'NR == 2 {{ print $4 }}'); rm -rf "$part"
    echo "cannot fetch $3: $(echo "$why" | tail -n1); $free KiB are free in {ARTIFACTS}" >&2; exit {NO_DOWNLOAD}
  fi
  got=$(sha256sum "$part/file"); got=${{got%% *}}
  if [ "$got" != "$4" ]; then
    echo "$3 has sha256 $got, but the lock says $4" >&2; rm -rf "$part"; exit {WRONG_CHECKSUM}
  fi
  if [ "$5" = archive ]; then tar -xf "$part/file" -C "$part" --no-same-owner; rm "$part/file"
  else chmod 755 "$part/file"; fi
  sync -f "$part"
  if mv -T "$part" "$1" 2>/dev/null; then echo "{CHANGED}$2"; else rm -rf "$part"; [ -e "$1" ]; fi
}}
link() {{ # target path
  [ "$(readlink "$2" 2>/dev/null)" != "$1" ] || return 0
  mkdir -p "${{2%/*}}"; ln -sfn "$1" "$2.$$"; mv -T "$2.$$" "$2"
  echo "{CHANGED}$2"
}}"""


def _fetch(install: Install, lock: Lock, mirror: MirrorAddresses) -> Step:
    artifact, digest = install.artifact, lock.digest(install.artifact)
    download = mirror.download(artifact)
    is_archive = download.member or any(inner for inner, _ in install.links)
    label, checksum = f"{artifact.name} {artifact.version}", digest.removeprefix("sha256:")
    return "fetch", content_directory(digest), label, download.url, checksum, "archive" if is_archive else "file"


def _links(install: Install, lock: Lock, mirror: MirrorAddresses) -> Iterator[Step]:
    directory, member = content_directory(lock.digest(install.artifact)), mirror.download(install.artifact).member
    for inner, path in install.links:
        yield "link", f"{directory}/{inner or member or 'file'}", path


def content_directory(digest: str) -> str:
    """Return where an artifact lies on a host: by its content, so that what is equal is fetched once."""
    return f"{ARTIFACTS}/{digest.removeprefix('sha256:')[:16]}"


def directories_script(directories: Iterable[HostDirectory]) -> Script:
    """Return the script that makes directories which are missing or have another mode."""
    modes = {one.path: f"{one.mode:o}" for one in directories}
    lines = ["set -eu"]
    for name, mode in modes.items():
        path = shlex.quote(name)
        there = f'[ "$(stat -c %a {path} 2>/dev/null)" = {mode} ]'
        lines.append(f'{there} || {{ mkdir -p {path}; chmod {mode} {path}; echo "{CHANGED}"{path}; }}')
    return Script("make-directories", {"modes": modes}, "\n".join(lines) + "\n")


_LOCK_SECONDS = 240
"""Less than what a script may take in all, so that the one who holds the lock is named."""


def distribution_docker_script() -> Script:
    """Return the script that installs Docker Engine from the host's own distribution, whose packages are signed.

    For hosts without a mirror that brings it; one that was broken off is done again.
    """
    apt = f"apt-get -o DPkg::Lock::Timeout={_LOCK_SECONDS}"
    # The client is a package of its own since Debian 13, and only recommended by the engine's.
    packages = "docker.io iptables $(apt-cache pkgnames docker-cli | grep -x docker-cli)"
    return Script(
        "install-distribution-docker",
        {},
        f"""set -eu
unfinished={DOCKER_UNFINISHED} broken_off=yes
if [ ! -e $unfinished ]; then
  if command -v dockerd >/dev/null; then exit 0; fi
  broken_off=no
fi
{_PROXY}
export DEBIAN_FRONTEND=noninteractive
log=/var/log/windlass/docker-install.log
mkdir -p "${{unfinished%/*}}" "${{log%/*}}"
touch $unfinished
if ! {{ {{ [ $broken_off = no ] || dpkg --configure -a; }} && {apt} update && {apt} install -y {packages}
  }} >$log 2>&1; then tail -n 3 $log >&2; exit 1; fi

systemctl enable --now docker >/dev/null 2>&1
rm $unfinished
echo "{CHANGED}docker engine"
""",
    )


def docker_images_script(references: Iterable[str]) -> Script:
    """Return the script that pulls images into Docker, side by side, where they are missing."""
    # All: since 29 images without a tag, as those by digest are, are not listed else (docker/cli pull request 6574).
    listing = "docker images -a --digests --format '{{.Repository}}@{{.Digest}}'"
    images = tuple(references)
    noted = f"[ ! -d {HOST_RECORD} ] || echo {{image}} >>{PULLED}; "
    return Script("pull-docker-images", {"images": images}, _images_text(images, listing, "docker pull -q", noted))


def node_images_script(references: Iterable[str], ctr: str, hosts_directory: str) -> Script:
    """Return the script that pulls images into kubelet's containerd, side by side, where they are missing."""
    images, command = tuple(references), f"{ctr} -a /run/windlass/containerd.sock -n k8s.io images"
    text = _images_text(images, f"{command} ls -q", f"{command} pull --local --hosts-dir {hosts_directory}")
    return Script("pull-node-images", {"images": images, "ctr": ctr, "hosts_directory": hosts_directory}, text)


def _images_text(references: Iterable[str], listing: str, pull: str, noted: str = "") -> str:
    # Asked once: a look at each image costs more than all the rest of a run that has nothing to do.
    lines = ["set -u", "work=$(mktemp -d)", "trap 'rm -rf $work' EXIT", f"{listing} >$work/have 2>/dev/null || :"]
    for number, reference in enumerate(references):
        image = shlex.quote(reference)
        done = f'echo "{CHANGED}image "{image}'
        failed = f'{{ echo "cannot pull "{image}": $(tail -n1 $work/{number})" >&2; touch $work/failed; }}'
        fetch = f"{{ {noted.format(image=image)}{pull} {image} >$work/{number} 2>&1 && {done}; }}"
        lines.append(f"grep -qxF {image} $work/have || {{ {fetch} || {failed}; }} &")
    return "\n".join([*lines, "wait", f"[ ! -e $work/failed ] || exit {NO_DOWNLOAD}"]) + "\n"
