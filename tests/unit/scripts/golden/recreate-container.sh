set -eu
cd /etc/windlass/stacks/etcd 2>/dev/null && [ -s compose.yaml ] || exit 66
exec 9<.
flock -w 120 9 || { echo "another Compose has held etcd for 120 s" >&2; exit 1; }
log=$(mktemp); trap 'rm -f $log' EXIT
{
  docker rm -f windlass-etcd >/dev/null 2>&1 || :
  docker compose -p windlass-etcd -f compose.yaml up -d --no-deps --force-recreate etcd >$log 2>&1 || { tail -n 3 $log >&2; exit 1; }
}
echo "changed: container etcd"
