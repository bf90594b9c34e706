deadline=$(( $(date +%s) + 240 ))
until said=$(curl -fsS --cacert /etc/windlass/pki/ca.crt --noproxy '*' --connect-to ::127.0.0.1: --max-time 2 https://kubernetes:7443/readyz 2>&1); do
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "no API server answers through this host's proxy, port 7443: $said" >&2; exit 75
  fi
  sleep 0.3
done
set -eu
digest=$( { find /etc/systemd/system/kubelet.service '/etc/windlass/my config' -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; readlink -f /opt/windlass/v1.37.2/bin/kubelet
  } | sha256sum | cut -d' ' -f1)
if [ "$(cat /var/lib/windlass/applied/kubelet 2>/dev/null)" = "$digest" ] && systemctl is-active --quiet kubelet; then exit 0; fi
systemctl daemon-reload
systemctl enable --quiet kubelet 2>/dev/null
if ! systemctl restart kubelet; then
  journalctl -u kubelet -n 5 --no-pager -o cat >&2; echo "kubelet does not start; see journalctl -u kubelet" >&2; exit 1
fi
mkdir -p /var/lib/windlass/applied; echo "$digest" > /var/lib/windlass/applied/kubelet.new; mv /var/lib/windlass/applied/kubelet.new /var/lib/windlass/applied/kubelet
echo "changed: unit kubelet"
