set -e
(
set -eu
digest=$( { find /etc/systemd/system/kubelet.service '/etc/windlass/my config' -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; readlink -f /opt/windlass/v1.37.2/bin/kubelet
  } | sha256sum | cut -d' ' -f1)
if [ "$(cat /var/lib/windlass/applied/windlass-containerd 2>/dev/null)" = "$digest" ] && systemctl is-active --quiet windlass-containerd; then exit 0; fi
systemctl daemon-reload
systemctl enable --quiet windlass-containerd 2>/dev/null
if ! systemctl restart windlass-containerd; then
  journalctl -u windlass-containerd -n 5 --no-pager -o cat >&2; echo "windlass-containerd does not start; see journalctl -u windlass-containerd" >&2; exit 1
fi
mkdir -p /var/lib/windlass/applied; echo "$digest" > /var/lib/windlass/applied/windlass-containerd.new; mv /var/lib/windlass/applied/windlass-containerd.new /var/lib/windlass/applied/windlass-containerd
echo "changed: unit windlass-containerd"

)
(
set -u
work=$(mktemp -d)
trap 'rm -rf $work' EXIT
/opt/windlass/containerd/2.2.0/bin/ctr -a /run/windlass/containerd.sock -n k8s.io images ls -q >$work/have 2>/dev/null || :
grep -qxF 192.0.2.9:5000/windlass/haproxy@sha256:2 $work/have || { { /opt/windlass/containerd/2.2.0/bin/ctr -a /run/windlass/containerd.sock -n k8s.io images pull --local --hosts-dir /etc/windlass/registry.d 192.0.2.9:5000/windlass/haproxy@sha256:2 >$work/0 2>&1 && echo "changed: image "192.0.2.9:5000/windlass/haproxy@sha256:2; } || { echo "cannot pull "192.0.2.9:5000/windlass/haproxy@sha256:2": $(tail -n1 $work/0)" >&2; touch $work/failed; }; } &
wait
[ ! -e $work/failed ] || exit 69

)
