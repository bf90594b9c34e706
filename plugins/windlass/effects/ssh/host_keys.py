"""Which host keys are accepted: those of known_hosts lines; on first use only where the target says so.

Pure: bytes in, a decision out. Format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from windlass.effects.ssh.connection import SshTarget
from windlass.errors import IntegrityError, RefusedError, SpecError
from windlass.operation_names import Operation

_REVOKED = "@revoked"


@dataclass(frozen=True)
class HostKey:
    """A public host key: its type as SSH names it, and its wire format."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """The fingerprint as `ssh-keygen -l` shows it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


def known_hosts_line(target: SshTarget, key: HostKey) -> str:
    """Give the line under which a key is stored for a target."""
    return f"{_address(target)} {key.kind} {base64.b64encode(key.blob).decode()}"


def keys_of(target: SshTarget) -> tuple[HostKey, ...]:
    """Give the keys that the target's known_hosts lines hold for it, without those that one of them revokes."""
    revoked = revoked_keys(target)
    return tuple(key for key in _marked(target, "") if key not in revoked)


def revoked_keys(target: SshTarget) -> tuple[HostKey, ...]:
    """Give the keys that known_hosts lines revoke for the target (`@revoked`), whoever else knows or accepts them."""
    return _marked(target, _REVOKED)


def refuse_revoked(target: SshTarget, offered: HostKey) -> None:
    """Raise `IntegrityError` if a host shows a key that is revoked: nothing may make it trusted again."""
    if offered in revoked_keys(target):
        raise IntegrityError(
            f"{target.name} ({_address(target)}): it shows the host key {offered.kind} {offered.fingerprint}, which an "
            "@revoked line of its known hosts has revoked; see who answers there, give the host a new key "
            "(`ssh-keygen -A` on its console, once the old one is removed), and put that into knownHosts"
        )


def _marked(target: SshTarget, marker: str) -> tuple[HostKey, ...]:
    names = (_address(target), target.name)
    found = (_parse(line) for line in _lines(target))
    return tuple(
        one.key for one in found if one.marker == marker and any(_matches(name, one.patterns) for name in names)
    )


def _lines(target: SshTarget) -> Iterator[str]:
    """Yield the lines that say something: an entry that was stored with several has them all."""
    for entry in target.known_hosts:
        yield from (line for line in entry.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def with_accepted(target: SshTarget, line: str, replaced: Collection[str]) -> SshTarget:
    """Return the target with a key that somebody accepted in place of others, whose fingerprints were `replaced`.

    Those are trusted no more. If the target's own lines hold any other key by now, they are newer, and alone count.
    """
    own = tuple(one for one in _lines(target) if not _is_replaced(one, replaced))
    kept = replace(target, known_hosts=own)
    return kept if keys_of(kept) else replace(target, known_hosts=(*own, line))


def _is_replaced(line: str, replaced: Collection[str]) -> bool:
    found = _parse(line)
    return not found.marker and found.key.fingerprint in replaced


def verify(target: SshTarget, offered: HostKey) -> str | None:
    """Accept a host's key or raise; give the known_hosts line to store if it was trusted on first use.

    Raises `IntegrityError` when another key is known or this one is revoked, `RefusedError` when none is known and
    first use is not trusted.
    """
    refuse_revoked(target, offered)
    known = keys_of(target)
    if offered in known:
        return None
    where = f"{target.name} ({_address(target)})"
    if known:
        expected = ", ".join(key.fingerprint for key in known)
        raise IntegrityError(
            f"{where}: the host key has changed: known {expected}, offered {offered.kind} {offered.fingerprint}; "
            "if the host was reinstalled, compare the new fingerprint on its console "
            "(`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`) and replace its known_hosts line, or name the host "
            f"in the param accept_new_host_key of {Operation.APPLY}; else somebody may be answering in its place"
        )
    line = known_hosts_line(target, offered)
    if not target.trust_on_first_use:
        raise RefusedError(
            f"{where}: the host key {offered.kind} {offered.fingerprint} is not known; compare it on the host's "
            f"console and add this line to knownHosts: {line}"
        )
    return line


def _address(target: SshTarget) -> str:
    return target.address if target.port == 22 else f"[{target.address}]:{target.port}"


@dataclass(frozen=True)
class _Line:
    """One line of known_hosts."""

    marker: str
    patterns: Sequence[str]
    key: HostKey


def _parse(line: str) -> _Line:
    fields = line.split()
    marker = fields.pop(0) if fields[0].startswith("@") else ""
    if marker not in {"", _REVOKED}:
        raise SpecError(
            f"known_hosts line `{line[:60]}`: the marker {marker} is not supported: certificates of hosts are not "
            "checked, and the key of an authority is no host's; give the hosts' own keys, as ssh-keyscan prints them"
        )
    try:
        hosts, kind, text = fields[:3]
        blob = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise SpecError(f"known_hosts line `{line[:60]}` is not of the form `host type base64-key`") from None
    return _Line(marker, hosts.split(","), HostKey(kind, blob))


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether a host field means `name`: plain or hashed, wildcards, and ``!`` which excludes."""
    if any(pattern.startswith("!") and fnmatchcase(name, _escape(pattern[1:])) for pattern in patterns):
        return False
    return any(_is_hash_of(name, p) if p.startswith("|1|") else fnmatchcase(name, _escape(p)) for p in patterns)


def _escape(pattern: str) -> str:
    """Keep fnmatch from reading the brackets of ``[host]:port`` as a set of characters."""
    return pattern.replace("[", "[[]")


def _is_hash_of(name: str, pattern: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in pattern.split("|")[2:4])
    except (ValueError, binascii.Error):
        raise SpecError(f"known_hosts: `{pattern[:60]}` is no hashed name; write it as `ssh-keyscan -H` does") from None
    return hmac.compare_digest(hmac.new(salt, name.encode(), "sha1").digest(), digest)
