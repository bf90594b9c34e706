digest=$( { find /etc/docker/daemon.json -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1)
[ "$(cat /var/lib/windlass/applied/docker-settings 2>/dev/null)" != "$digest" ] || echo 'docker settings'
digest=$( { find /etc/systemd/system/kubelet.service '/etc/windlass/my config' -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; readlink -f /opt/windlass/v1.37.2/bin/kubelet
  } | sha256sum | cut -d' ' -f1)
if [ "$(cat /var/lib/windlass/applied/kubelet 2>/dev/null)" = "$digest" ] && systemctl is-active --quiet kubelet; then echo kubelet; fi
