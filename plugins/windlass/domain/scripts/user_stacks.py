"""The script that takes stacks off a host which its spec does not have there (any more)."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from windlass.domain.catalog.stack_files import OWN_STACKS
from windlass.domain.host.layout import ADDRESS_STACK, DELETES_DATA, STACKS, stack_data_directory
from windlass.domain.scripts.curl import CurlProbe, require_connection
from windlass.domain.scripts.script import CHANGED, Script
from windlass.domain.scripts.virtual_address import RELEASE_ADDRESS


def remove_others_script(desired: Iterable[str]) -> Script:
    """Return a script that takes down the user's stacks but those `desired`, with their files.

    Their data stay, unless what lies there of a stack says that they go with it.

    Each gets its own time to end: what holds the API's address hands it over then, a database hands on what it has.

    Windlass's own stay whatever the spec says: a member of etcd leaves only where the others keep quorum.
    """
    names = tuple(dict.fromkeys([*OWN_STACKS, *desired]))
    keep = "|".join(shlex.quote(name) for name in names)
    text = f"""set -eu
{RELEASE_ADDRESS}
for directory in {STACKS}/*/; do
  stack=${{directory%/}}; stack=${{stack##*/}}
  case $stack in {keep}|'*') continue ;; esac
  containers=$(docker ps -aq --filter "label=com.docker.compose.project=windlass-$stack")
  [ -z "$containers" ] || {{ docker stop $containers >/dev/null; docker rm -fv $containers >/dev/null; }}
  [ "$stack" != {ADDRESS_STACK} ] || release_address
  if grep -qsxF {shlex.quote(DELETES_DATA)} "$directory/compose.yaml"; then rm -rf {stack_data_directory("$stack")}; fi
  rm -rf "$directory"
  echo "{CHANGED}removed stack $stack"
done
"""
    return Script("remove-other-stacks", {"keep": names}, text)


def ask_tcp_script(probe: CurlProbe) -> Script:
    """Return the script that fails unless what `probe` asks by telnet takes a connection."""
    return Script("ask-tcp", {"url": probe.url}, require_connection(probe), is_look=True)
