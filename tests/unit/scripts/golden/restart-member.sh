set -eu
cd /etc/windlass/stacks/etcd
log=$(mktemp); trap 'rm -f $log' EXIT
docker rm -f windlass-etcd >/dev/null 2>&1 || :
if docker compose -p windlass-etcd -f compose.yaml up -d >$log 2>&1; then echo "changed: etcd"
else tail -n 3 $log >&2; fi
