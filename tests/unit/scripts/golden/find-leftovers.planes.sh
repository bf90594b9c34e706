mark=$(cat /etc/windlass/cluster 2>/dev/null)
case "$mark" in ""|demo) ;; *) exit 0 ;; esac
[ ! -e /etc/windlass/stacks/control-plane ] || echo "changed: its control-plane stack"
[ ! -e /etc/windlass/stacks/etcd ] || echo "changed: its etcd stack and data"
[ ! -e /etc/systemd/system/kubelet.service ] || echo "changed: its kubelet and the pods' runtime"
:
