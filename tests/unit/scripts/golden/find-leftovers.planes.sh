mark=$(cat /etc/windlass/cluster 2>/dev/null)
case "$mark" in ""|demo) ;; *) exit 0 ;; esac
if [ -e /etc/windlass/stacks/control-plane ] || [ -e /etc/windlass/pki/service-account.key ]; then echo "changed: its control-plane stack and keys"; fi
if [ -e /etc/windlass/stacks/etcd ] || [ -e /etc/windlass/pki/etcd/peer.key ]; then echo "changed: its etcd stack, data and keys"; fi
if [ -e /etc/systemd/system/kubelet.service ] || [ -e /etc/windlass/pki/kubelet-client.key ]; then echo "changed: its kubelet, the pods' runtime and its keys"; fi
:
