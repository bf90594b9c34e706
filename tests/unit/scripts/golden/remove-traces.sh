set -u
links='kube-ipvs0 flannel.1'
routes=flannel
chains='KUBE|FLANNEL'
nft_tables=kube-proxy
traces='/etc/cni/net.d/*flannel*'
gone() { echo "changed: $1"; }
failed=
for link in $links; do
  ip link show "$link" >/dev/null 2>&1 || continue
  if ip link delete "$link"; then gone "interface $link"; else failed="$failed $link"; fi
done
for family in -4 -6; do
  # With its interface: others may have routes to the same addresses.
  ip $family route 2>/dev/null | grep -E " (dev|proto) ($routes)" | awk '{
    route = $1 ~ /^[a-z]+$/ && $1 != "default" ? $1 " " $2 : $1
    for (word = 2; word < NF; word++) if ($word == "dev") route = route " dev " $(word + 1)
    print route
  }' | while read -r route; do ip $family route delete $route && gone "route $route"; done
done
for tables in iptables ip6tables; do
  command -v $tables-save >/dev/null || continue
  # Emptied before they are deleted: one may lead to the other.
  change=$($tables-save 2>/dev/null | awk -v chains="^($chains)-" '
    function leads(   part, target) {
      target = ""  # the last such words: a comment may have any
      for (part = 1; part < NF; part++) if ($part == "-j" || $part == "-g") target = $(part + 1)
      return target ~ chains
    }
    /^\*/ {table = $0; names = cut = ""}
    /^:/ && substr($1, 2) ~ chains {names = names " " substr($1, 2)}
    /^-A/ && $2 !~ chains && leads() {sub(/^-A/, "-D"); cut = cut $0 "\n"}
    /^COMMIT/ && names != "" {
      count = split(names, name, " ")
      printf "%s\n%s", table, cut
      for (one = 1; one <= count; one++) print "-F " name[one]
      for (one = 1; one <= count; one++) print "-X " name[one]
      print "COMMIT"
    }')
  [ -n "$change" ] || continue
  if printf '%s\n' "$change" | $tables-restore --noflush -w 10; then gone "$tables chains"
  else failed="$failed chains of $tables"; fi
done

# A host without nft has one in images of pods, as long as they are mounted.
nft=$(command -v nft || ls -d /run/windlass/containerd/io.containerd.runtime.v2.task/k8s.io/*/rootfs/usr/sbin/nft 2>/dev/null | head -n 1)
case $nft in
  /run/windlass/containerd/*) remove_table() { chroot "${nft%/usr/sbin/nft}" /usr/sbin/nft delete table $1 $2; } ;;
  *) remove_table() { "$nft" delete table $1 $2; } ;;
esac

[ -n "$nft" ] || { echo "no nft is there to take tables away; install nftables, or reboot" >&2; exit 1; }
for table in $nft_tables; do
  for family in ip ip6 inet; do
    remove_table $family "$table" 2>/dev/null && gone "nft table $family $table"
  done
done
for path in $traces; do
  [ -e "$path" ] || continue
  rm -rf "$path" && gone "$path" || failed="$failed $path"
done
[ -z "$failed" ] || { echo "could not take away: $failed" >&2; exit 1; }
