docker ps --filter label=io.windlass.component --filter status=running --format 'service {{.Label "io.windlass.component"}}|{{.Label "io.windlass.version"}}|{{.Label "io.windlass.digest"}}' 2>/dev/null
docker image inspect 192.0.2.9:5000/windlass/etcd@sha256:1 >/dev/null 2>&1 && echo image 192.0.2.9:5000/windlass/etcd@sha256:1
docker image inspect 192.0.2.9:5000/windlass/haproxy@sha256:2 >/dev/null 2>&1 && echo image 192.0.2.9:5000/windlass/haproxy@sha256:2
[ ! -L /opt/cni/bin/bridge ] || echo "link /opt/cni/bin/bridge $(readlink /opt/cni/bin/bridge)"
$(command -v /opt/ctr || ls /opt/windlass/containerd/*/bin/ctr 2>/dev/null | tail -n 1) -a /run/windlass/containerd.sock -n k8s.io images ls -q 2>/dev/null | sed 's/^/image /'
( digest=$( { find /etc/systemd/system/kubelet.service '/etc/windlass/my config' -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; readlink -f /opt/windlass/v1.37.2/bin/kubelet
  } | sha256sum | cut -d' ' -f1)
if [ "$(cat /var/lib/windlass/applied/kubelet 2>/dev/null)" = "$digest" ] && systemctl is-active --quiet kubelet; then echo kubelet; fi
) | sed 's/^/unit /'
( digest=$( { find /etc/systemd/system/kubelet.service '/etc/windlass/my config' -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; readlink -f /opt/windlass/v1.37.2/bin/kubelet
  } | sha256sum | cut -d' ' -f1)
if [ "$(cat /var/lib/windlass/applied/windlass-containerd 2>/dev/null)" = "$digest" ] && systemctl is-active --quiet windlass-containerd; then echo windlass-containerd; fi
) | sed 's/^/unit /'
sed -n 's|^ExecStart=/opt/windlass/\(v[^/]*\)/bin/kubelet.*|version kubelet \1|p' /etc/systemd/system/kubelet.service 2>/dev/null
sed -n 's|^ExecStart=/opt/windlass/containerd/\([^/]*\)/bin/containerd.*|version containerd \1|p' /etc/systemd/system/windlass-containerd.service 2>/dev/null
true
