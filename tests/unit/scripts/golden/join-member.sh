set -eu
docker rm -f windlass-etcd >/dev/null 2>&1 || :
mkdir -p -m 700 /var/lib/windlass/etcd; cd /var/lib/windlass/etcd
if [ -e member ]; then rm -rf member.replaced-*; mv member member.replaced-0123-1f; fi
cd /etc/windlass/stacks/etcd
log=$(mktemp); trap 'rm -f $log' EXIT
export WINDLASS_ETCD_STATE=existing WINDLASS_ETCD_CLUSTER=cp-1=https://192.0.2.1:2380,cp-2=https://192.0.2.2:2380
if ! docker compose -p windlass-etcd -f compose.yaml up -d >$log 2>&1; then tail -n 3 $log >&2; exit 1; fi
echo "changed: etcd"
