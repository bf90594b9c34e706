"""The text of every command that goes to a host: quoting, sudo, time limit, and the scripts that handle files.

Pure, so that a synchronous and an asynchronous client send the same words. This is the only place that quotes.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Sequence
from datetime import timedelta

KILL_AFTER = timedelta(seconds=2)
"""Between SIGTERM and SIGKILL for a command that overran its limit."""

# sudo-rs has words of its own: https://github.com/trifectatechfoundation/sudo-rs/blob/main/src/common/error.rs
_NO_SUDO = re.compile(
    r"^sudo: (a password is required|a terminal is required|.*password)"
    r"|sudo: (command )?not found"
    r"|is not in the sudoers file"
    r"|^sudo(-rs)?: (interactive authentication is required|I'm sorry \S+\. I'm afraid I can't do that)"
    r"|^sudo: sorry, you must have a tty to run sudo"
    r"|^Sorry, user \S+ (is not allowed to|may not run) "
)


def command_line(argv: Sequence[str], *, as_root: bool = False, limit: timedelta | None = None) -> str:
    """Give the one line that a login shell runs as exactly `argv`, ended by the host itself after `limit`.

    Whatever the login shell, fish and csh among them, it only has to start `sh`. `timeout` (coreutils) puts the command
    in a process group of its own and kills that; it also keeps words like ``if`` or ``A=b`` from meaning something to
    the shell. The locale is fixed so that output can be parsed. `exit $?` makes the shell wait and turn a death by
    signal N into 128 + N.
    """
    if not argv or any("\0" in word for word in argv):
        raise ValueError(f"not a command: {argv!r}")
    seconds = f"{limit.total_seconds():.3f}" if limit else "0"
    become = ["sudo", "-n", "--"] if as_root else []
    guard = ["timeout", "-k", f"{KILL_AFTER.total_seconds():g}", seconds]
    words = [*become, *guard, *argv]
    run = '"$@"'
    if any(_READ_DIFFERENTLY.search(word) for word in words):
        encoded = base64.b64encode(shlex.join(words).encode(errors="surrogateescape")).decode()
        words, run = [encoded], 'eval "$(printf %s "$1" | base64 -d)"'
    return shlex.join(["exec", "env", "LC_ALL=C.UTF-8", "sh", "-c", f"{run}; exit $?", "sh", *words])


_READ_DIFFERENTLY = re.compile(r"[\\!\n\r]|^=")
"""What quotes do not keep from every login shell: a backslash from fish, `!` and the end of a line from csh.

See "Quotes" in fish's manual of its language, and "Lexical structure" and "History substitution" in tcsh(1). A word
that begins with `=` stays without quotes, and zsh would put a program's path in its place (zshexpn(1)).
"""


def lacks_sudo(stderr: str) -> bool:
    """Tell whether this is what is printed when sudo is missing, would ask for a password, or forbids the user."""
    return any(_NO_SUDO.search(line) for line in stderr.splitlines())


def needs_terminal(stderr: str) -> bool:
    """Tell whether sudo wants a terminal, as its option `requiretty` has it."""
    return "you must have a tty to run sudo" in stderr


def script(text: str, *arguments: str) -> list[str]:
    """Give the argv that runs a shell script with arguments."""
    return ["sh", "-c", text, "windlass", *arguments]


ABSENT = 44
"""Exit code of `READ` for a path where there is nothing."""

READ = r"""
if [ -e "$1" ] || [ -L "$1" ]; then exec cat -- "$1"; else exit 44; fi
"""

STAT = r"""
exec xargs -0 -r sh -c '
LC_ALL=C
export LC_ALL
stat --printf="%f %u:%g %U:%G %n\0" -- "$@" 2>/dev/null
for path; do
    shift
    if [ -L "$path" ]; then continue; fi
    if [ -f "$path" ]; then set -- "$@" "$path"; continue; fi
    if [ -e "$path" ]; then continue; fi
    case $(stat -- "$path" 2>&1 >/dev/null) in
        *": No such file or directory" | *": Not a directory") printf "absent %s\0" "$path" ;;
    esac
done
[ $# -eq 0 ] || sha256sum -z -- "$@" 2>/dev/null
exit 0
' windlass
"""
"""Reads paths ended by NUL on stdin; `filestate.parse` reads what it prints.

Absence is said only where the system says it, so that what cannot be read is not taken for what is not there. Only
regular files are read: to read a named pipe would wait for ever.
"""

PUT = r"""
set -eu
path=$1 mode=$2 owner=$3 sum=$4
is_as_wanted() {
    [ -f "$path" ] && [ ! -L "$path" ] || return 1
    case "$(stat -c '%a %U:%G %u:%g' -- "$path")" in
        "$mode $owner "* | "$mode "*" $owner") ;;
        *) return 1 ;;
    esac
    [ "$(sha256sum < "$path")" = "$sum  -" ]
}
if is_as_wanted; then cat > /dev/null; echo same; exit 0; fi
dir=$(dirname -- "$path")
umask 022
mkdir -p -- "$dir"
tmp=$(mktemp -- "$dir/.windlass.XXXXXXXX")
trap 'rm -f -- "$tmp"' EXIT
trap 'exit 143' HUP INT PIPE TERM
cat > "$tmp"
[ "$(sha256sum < "$tmp")" = "$sum  -" ] || { echo "the content arrived incomplete" >&2; exit 74; }
# The time of a file is that of its content: whoever has read it before has read what lies there now.
if [ -f "$path" ] && [ ! -L "$path" ] && [ "$(sha256sum < "$path")" = "$sum  -" ]; then touch -r "$path" -- "$tmp"; fi
chown -- "$owner" "$tmp"
chmod -- "$mode" "$tmp"
sync -- "$tmp"
mv -fT -- "$tmp" "$path"
sync -- "$dir"
echo changed
"""
"""Arguments: path, octal mode, owner, SHA-256; the content on stdin. Prints `same` or `changed`."""

PUT_TREE = r"""
set -eu
root=$1; shift
umask 022
mkdir -p -- "$root"
stage=$(mktemp -d -- "$root/.windlass.XXXXXXXX")
trap 'rm -rf -- "$stage"' EXIT
trap 'exit 143' HUP INT PIPE TERM
tar -x -p -m --no-same-owner -C "$stage" -f -
[ -e "$stage/complete" ] || { echo "the files arrived incomplete" >&2; exit 74; }
group=0
for owner in "$@"; do
    chown -R -- "$owner" "$stage/$group"
    group=$((group + 1))
done
find "$stage" -type f -exec sync -- {} +
group=0
for owner in "$@"; do
    cd -- "$stage/$group"
    find . -type d -print0 | (cd -- "$root" && xargs -0 mkdir -p --)
    find . -type f -print0 | xargs -0 sh -c '
        set -e
        root=$1; shift
        for file; do
            old=$root/$file
            if [ -f "$old" ] && [ ! -L "$old" ] && [ "$(sha256sum < "$old")" = "$(sha256sum < "$file")" ]; then
                touch -r "$old" -- "$file"
            fi
            mv -fT -- "$file" "$old"
        done' windlass "$root"
    find . -type d -print0 | (cd -- "$root" && xargs -0 sync --)
    cd /
    group=$((group + 1))
done
"""
"""Arguments: directory, then one owner per group; on stdin a tar with the groups' files below `0/`, `1/`, …
and last a file `complete`."""
