set -eu
exec 9</etc/windlass/stacks/etcd
flock 9
! ls /var/lib/windlass/etcd/member/wal/*.wal >/dev/null 2>&1 || exit 0
mkdir -p -m 700 /var/lib/windlass/etcd
echo cp-1=https://192.0.2.1:2380,cp-2=https://192.0.2.2:2380 > /var/lib/windlass/etcd/initial-cluster.new; mv /var/lib/windlass/etcd/initial-cluster.new /var/lib/windlass/etcd/initial-cluster
log=$(mktemp); trap 'rm -f $log' EXIT
cd /etc/windlass/stacks/etcd
export WINDLASS_ETCD_STATE=new WINDLASS_ETCD_CLUSTER=cp-1=https://192.0.2.1:2380,cp-2=https://192.0.2.2:2380
if ! docker compose -p windlass-etcd -f compose.yaml up -d --remove-orphans >$log 2>&1; then
  tail -n 3 $log >&2; exit 1
fi
echo "changed: stack etcd"
