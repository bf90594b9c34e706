"""The scripts that take rules off a host that stays, after what made them has left the cluster."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from windlass.domain.host.layout import CONTAINERD_SOCKET
from windlass.domain.scripts.nft_tables import DELETE_TABLE, NFT_FAMILIES
from windlass.domain.scripts.script import CHANGED, Script

_NAME = "windlass-remove-services"


def remove_services_script(ctr: str, image: str) -> Script:
    """Return the script that has kube-proxy itself take away all that it ever lays, whatever its mode was.

    It shares the lock of iptables with whoever changes rules beside it.
    """
    run = f"{ctr} -a {CONTAINERD_SOCKET} -n k8s.io"
    lock = "/run/xtables.lock"
    text = f"""set -u
touch {lock}
{run} containers delete {_NAME} 2>/dev/null
if ! told=$({run} run --rm --net-host --privileged --mount type=bind,src={lock},dst={lock},options=rbind:rw \\
  {image} {_NAME} kube-proxy --cleanup 2>&1); then
  echo "kube-proxy does not take its rules away: $(printf %s "$told" | tail -n 1)" >&2; exit 1
fi
echo "{CHANGED}rules of kube-proxy removed"
"""
    return Script("remove-services", {"ctr": ctr, "image": image}, text)


def remove_tables_script(tables: Iterable[str]) -> Script:
    """Return the script that takes tables of nftables away, whatever their family is."""
    chosen = tuple(tables)
    text = f"""set -u
{DELETE_TABLE}
[ -n "$nft" ] || {{ echo "no nft is there to take tables away; install nftables, or reboot" >&2; exit 1; }}
for table in {shlex.join(chosen)}; do
  for family in {" ".join(NFT_FAMILIES)}; do
    remove_table $family "$table" 2>/dev/null && echo "{CHANGED}nft table $family $table"
  done
done
:
"""
    return Script("remove-tables", {"tables": chosen}, text)
