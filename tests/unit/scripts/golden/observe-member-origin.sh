
[ ! -s /etc/windlass/cluster ] || echo "mark=$(head -n 1 /etc/windlass/cluster)"
[ ! -s /var/lib/windlass/etcd/initial-cluster ] || echo "initial=$(head -n 1 /var/lib/windlass/etcd/initial-cluster)"
for left in /var/lib/windlass/etcd/member.* /var/lib/windlass/etcd/restore-* /var/lib/windlass/etcd/recovered; do [ ! -e "$left" ] || echo "remains=$left"; done
ls /var/lib/windlass/etcd/member/wal/*.wal >/dev/null 2>&1 || exit 0
deadline=$(( $(date +%s) + 10 ))
until applied=$(curl -sf --noproxy '*' -m 2 http://127.0.0.1:2381/metrics |
    awk '$1 == "etcd_server_proposals_applied_total" {printf "%d", $2}') && [ -n "$applied" ]; do
  [ "$(date +%s)" -lt "$deadline" ] || exit 0
  sleep 0.2
done
echo "applied=$applied"
