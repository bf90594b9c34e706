set -eu
cd /var/lib/windlass/etcd/restore-abc
exec 9>lock; flock -w 300 9
[ ! -e done ] || exit 0
rm -rf data
log=$(mktemp); trap 'rm -f $log' EXIT
if ! docker run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges -v /var/lib/windlass/etcd/restore-abc:/restore --entrypoint etcdutl etcd:1 snapshot restore /restore/snapshot.db --mark-compacted --data-dir=/restore/data --name=cp-1 --initial-cluster=cp-1=https://192.0.2.1:2380 --initial-cluster-token=demo-abc --initial-advertise-peer-urls=https://192.0.2.1:2380 --bump-revision=1000000000 >$log 2>&1; then
  tail -n 3 $log >&2; exit 1
fi
rm -f snapshot.db
sync -f data; touch done
echo "changed: restored the snapshot beside the old data"
