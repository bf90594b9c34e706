"""The tables of nftables that add-ons have made on a host, which go when nothing keeps them any more."""

from __future__ import annotations

from windlass.domain.host.layout import CONTAINERD_STATE

NFT_FAMILIES = ("ip", "ip6", "inet")
"""In which drivers have tables."""
_ROOTS = f"{CONTAINERD_STATE}/io.containerd.runtime.v2.task/k8s.io/*/rootfs"

DELETE_TABLE = f"""
# A host without nft has one in images of pods, as long as they are mounted.
nft=$(command -v nft || ls -d {_ROOTS}/usr/sbin/nft 2>/dev/null | head -n 1)
case $nft in
  {CONTAINERD_STATE}/*) remove_table() {{ chroot "${{nft%/usr/sbin/nft}}" /usr/sbin/nft delete table $1 $2; }} ;;
  *) remove_table() {{ "$nft" delete table $1 $2; }} ;;
esac
"""
"""Defines `remove_table FAMILY NAME`, which fails where there is none such; `$nft` is empty where no program can."""

REMOVE_NFT_TABLES = f"""{DELETE_TABLE}
for table in $nft_tables; do
  for family in {" ".join(NFT_FAMILIES)}; do
    [ -z "$nft" ] || {{ remove_table $family $table 2>/dev/null && gone "nft table $family $table"; }}
  done
done
"""
"""Takes those of drivers, which `trace_words` names, away once nobody makes them anew; it tells of each by `gone`."""
