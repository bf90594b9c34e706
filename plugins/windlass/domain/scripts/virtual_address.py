"""Scripts about the API's virtual address: who holds it, whether somebody answers there, and its end on a host."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import timedelta

from windlass.domain.addresses import host_port
from windlass.domain.host.layout import ADDRESS_CONFIG, API_PORT, VRRP
from windlass.domain.scripts.curl import CurlProbe
from windlass.domain.scripts.script import CHANGED, Script

HOLDS = "holds="
"""Begins the line that names the interface on which a host has the address."""
ANSWERS = "answers="
"""Begins the line that names the hardware address at which the address was found on the network."""

LISTENED = "listened="
"""Begins the line that says at which address a host spoke and listened to the others."""
HEARD = "heard="
"""Begins the line that names the address of another host that was heard."""

# Each says all the time whether it has heard the other: so all of them can end together once everybody was heard. It
# goes on for a moment then, since what it said last may not have arrived. What it says is no advertisement of VRRP.
_SPEAK = f"""
import select, socket, sys, time
own, others = sys.argv[1], sys.argv[2:]
speaker = socket.socket(socket.AF_INET6 if ":" in own else socket.AF_INET, socket.SOCK_RAW, {VRRP})
speaker.bind((own, 0))
heard, answered, rounds, end = set(), set(), 0, time.monotonic() + 8
while time.monotonic() < end and rounds < 3:
    rounds += answered >= set(others)
    for other in others:
        try:
            speaker.sendto(b"windlass-heard" if other in heard else b"windlass-asks", (other, 0))
        except OSError:
            pass
    pause = time.monotonic() + 0.1
    while select.select([speaker], [], [], max(0, pause - time.monotonic()))[0]:
        try:
            said, source = speaker.recvfrom(2048)
        except OSError:
            continue
        if source[0] in others and b"windlass-" in said:
            heard.add(source[0])
            if said.endswith(b"-heard"):
                answered.add(source[0])
print("{LISTENED}" + own)
for other in sorted(heard):
    print("{HEARD}" + other)
"""

# keepalived takes the address away when it is told to end. One that was killed left it on its interface, which is
# looked up: it may be another one than at the time when the file was written.
RELEASE_ADDRESS = rf"""release_address() {{
  [ -e {ADDRESS_CONFIG} ] || return 0
  for address in $(sed -n '/virtual_ipaddress/,/}}/s/^ *\([0-9a-f.:]*\)\/[0-9]* dev .*/\1/p' {ADDRESS_CONFIG}); do
    ip -o addr show to "$address" | while read -r _ link _ with_prefix _; do
      [ "${{with_prefix%/*}}" = "$address" ] || continue
      ip addr del "$with_prefix" dev "$link" && echo "{CHANGED}address $address"
    done
  done
}}"""
"""Defines the function that takes the virtual address off the host, whatever became of who held it there."""


def holder_script(address: str) -> Script:
    """Return the script that says on which interface the host has `address`; nothing if it has not."""
    exact = shlex.quote(address)
    text = f"""ip -o addr show to {exact} | while read -r _ link _ with_prefix _; do
  [ "${{with_prefix%/*}}" != {exact} ] || echo "{HOLDS}$link"
done
"""
    return Script("find-holder", {"address": address}, text, is_look=True)


def answering_script(address: str) -> Script:
    """Return the script that says which hardware has `address` on the host's network; nothing if none answers.

    Something is sent there, whatever may listen: then the kernel asks who has it. What it knew before is not believed
    until that was confirmed, which takes up to eight seconds.
    """
    exact = shlex.quote(address)
    probe = CurlProbe(f"https://{host_port(address, API_PORT)}", timedelta(seconds=2), "way", is_trusted=True)
    text = rf"""{probe} >/dev/null 2>&1
for try in 1 2 3 4 5 6 7 8; do
  case $(ip neigh show to {exact}) in *STALE*|*DELAY*|*PROBE*|*INCOMPLETE*) sleep 1 ;; *) break ;; esac
done
ip neigh show to {exact} | sed -n 's/.* lladdr \([0-9a-f:]*\) .*REACHABLE.*/{ANSWERS}\1/p'
"""
    return Script("find-answer", {"address": address}, text, is_look=True)


def hearing_script(own: str, others: Sequence[str]) -> Script:
    """Return the script that says which `others` a host hears at its address `own`, as hosts that share an address do.

    All of them have to run it at the same time. A host without python3, or that may not do so, says nothing.
    """
    words = " ".join(shlex.quote(word) for word in (own, *others))
    text = f"python3 -c {shlex.quote(_SPEAK)} {words} 2>/dev/null || :\n"
    return Script("hear-others", {"own": own, "others": tuple(others)}, text, is_look=True)
