"""The scripts that take off a host that stays what drivers have left there, after these have left the cluster."""

from __future__ import annotations

from windlass.domain.catalog.drivers import HostTraces
from windlass.domain.host.layout import CONTAINERD_SOCKET
from windlass.domain.scripts.driver_traces import left_words
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


def remove_traces_script(traces: HostTraces) -> Script:
    """Return the script that takes away what drivers have left, beside all that goes on running on the host.

    Chains go by their names, with the rules that lead to them; no other rule is read and written again, as whoever
    else lays rules may do so meanwhile.
    """
    parts = {
        _INTERFACES: traces.interfaces,
        _ROUTES: traces.routes,
        _CHAINS: traces.chains,
        _TABLES: traces.tables,
        _PATHS: traces.paths,
    }
    text = "".join(part for part, words in parts.items() if words)
    return Script("remove-traces", {"traces": traces}, f"set -u\n{left_words(traces)}{_GONE}{text}{_END}")


_GONE = f"""gone() {{ echo "{CHANGED}$1"; }}
failed=
"""
_END = """[ -z "$failed" ] || { echo "could not take away: $failed" >&2; exit 1; }
"""
_INTERFACES = """for link in $links; do
  ip link show "$link" >/dev/null 2>&1 || continue
  if ip link delete "$link"; then gone "interface $link"; else failed="$failed $link"; fi
done
"""
_ROUTES = """for family in -4 -6; do
  # With its interface: others may have routes to the same addresses.
  ip $family route 2>/dev/null | grep -E " (dev|proto) ($routes)" | awk '{
    route = $1 ~ /^[a-z]+$/ && $1 != "default" ? $1 " " $2 : $1
    for (word = 2; word < NF; word++) if ($word == "dev") route = route " dev " $(word + 1)
    print route
  }' | while read -r route; do ip $family route delete $route && gone "route $route"; done
done
"""
_CHAINS = """for tables in iptables ip6tables; do
  command -v $tables-save >/dev/null || continue
  # Emptied before they are deleted: one may lead to the other.
  change=$($tables-save 2>/dev/null | awk -v chains="^($chains)-" '
    function leads(   part, target) {
      target = ""  # the last such words: a comment may have any
      for (part = 1; part < NF; part++) if ($part == "-j" || $part == "-g") target = $(part + 1)
      return target ~ chains
    }
    /^\\*/ {table = $0; names = cut = ""}
    /^:/ && substr($1, 2) ~ chains {names = names " " substr($1, 2)}
    /^-A/ && $2 !~ chains && leads() {sub(/^-A/, "-D"); cut = cut $0 "\\n"}
    /^COMMIT/ && names != "" {
      count = split(names, name, " ")
      printf "%s\\n%s", table, cut
      for (one = 1; one <= count; one++) print "-F " name[one]
      for (one = 1; one <= count; one++) print "-X " name[one]
      print "COMMIT"
    }')
  [ -n "$change" ] || continue
  if printf '%s\\n' "$change" | $tables-restore --noflush -w 10; then gone "$tables chains"
  else failed="$failed chains of $tables"; fi
done
"""
_TABLES = f"""{DELETE_TABLE}
[ -n "$nft" ] || {{ echo "no nft is there to take tables away; install nftables, or reboot" >&2; exit 1; }}
for table in $nft_tables; do
  for family in {" ".join(NFT_FAMILIES)}; do
    remove_table $family "$table" 2>/dev/null && gone "nft table $family $table"
  done
done
"""
_PATHS = """for path in $traces; do
  [ -e "$path" ] || continue
  rm -rf "$path" && gone "$path" || failed="$failed $path"
done
"""
