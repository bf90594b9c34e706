all=""; code=0
(
set -u
work=$(mktemp -d)
trap 'rm -rf $work' EXIT
docker images -a --digests --format '{{.Repository}}@{{.Digest}}' >$work/have 2>/dev/null || :
grep -qxF 192.0.2.9:5000/windlass/etcd@sha256:1 $work/have || { { [ ! -d /etc/windlass/before ] || echo 192.0.2.9:5000/windlass/etcd@sha256:1 >>/etc/windlass/before/pulled; docker pull -q 192.0.2.9:5000/windlass/etcd@sha256:1 >$work/0 2>&1 && echo "changed: image "192.0.2.9:5000/windlass/etcd@sha256:1; } || { echo "cannot pull "192.0.2.9:5000/windlass/etcd@sha256:1": $(tail -n1 $work/0)" >&2; touch $work/failed; }; } &
grep -qxF 192.0.2.9:5000/windlass/haproxy@sha256:2 $work/have || { { [ ! -d /etc/windlass/before ] || echo 192.0.2.9:5000/windlass/haproxy@sha256:2 >>/etc/windlass/before/pulled; docker pull -q 192.0.2.9:5000/windlass/haproxy@sha256:2 >$work/1 2>&1 && echo "changed: image "192.0.2.9:5000/windlass/haproxy@sha256:2; } || { echo "cannot pull "192.0.2.9:5000/windlass/haproxy@sha256:2": $(tail -n1 $work/1)" >&2; touch $work/failed; }; } &
wait
[ ! -e $work/failed ] || exit 69

) & all="$all $!"
(
set -u
work=$(mktemp -d)
trap 'rm -rf $work' EXIT
/opt/windlass/containerd/2.2.0/bin/ctr -a /run/windlass/containerd.sock -n k8s.io images ls -q >$work/have 2>/dev/null || :
grep -qxF 192.0.2.9:5000/windlass/haproxy@sha256:2 $work/have || { { /opt/windlass/containerd/2.2.0/bin/ctr -a /run/windlass/containerd.sock -n k8s.io images pull --local --hosts-dir /etc/windlass/registry.d 192.0.2.9:5000/windlass/haproxy@sha256:2 >$work/0 2>&1 && echo "changed: image "192.0.2.9:5000/windlass/haproxy@sha256:2; } || { echo "cannot pull "192.0.2.9:5000/windlass/haproxy@sha256:2": $(tail -n1 $work/0)" >&2; touch $work/failed; }; } &
wait
[ ! -e $work/failed ] || exit 69

) & all="$all $!"
for one in $all; do wait "$one" || code=$?; done
[ $code = 0 ] || exit $code
