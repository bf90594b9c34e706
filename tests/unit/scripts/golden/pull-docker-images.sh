set -u
work=$(mktemp -d)
trap 'rm -rf $work' EXIT
docker images -a --digests --format '{{.Repository}}@{{.Digest}}' >$work/have 2>/dev/null || :
grep -qxF 192.0.2.9:5000/windlass/etcd@sha256:1 $work/have || { { [ ! -d /etc/windlass/before ] || echo 192.0.2.9:5000/windlass/etcd@sha256:1 >>/etc/windlass/before/pulled; docker pull -q 192.0.2.9:5000/windlass/etcd@sha256:1 >$work/0 2>&1 && echo "changed: image "192.0.2.9:5000/windlass/etcd@sha256:1; } || { echo "cannot pull "192.0.2.9:5000/windlass/etcd@sha256:1": $(tail -n1 $work/0)" >&2; touch $work/failed; }; } &
grep -qxF 192.0.2.9:5000/windlass/haproxy@sha256:2 $work/have || { { [ ! -d /etc/windlass/before ] || echo 192.0.2.9:5000/windlass/haproxy@sha256:2 >>/etc/windlass/before/pulled; docker pull -q 192.0.2.9:5000/windlass/haproxy@sha256:2 >$work/1 2>&1 && echo "changed: image "192.0.2.9:5000/windlass/haproxy@sha256:2; } || { echo "cannot pull "192.0.2.9:5000/windlass/haproxy@sha256:2": $(tail -n1 $work/1)" >&2; touch $work/failed; }; } &
wait
[ ! -e $work/failed ] || exit 69
