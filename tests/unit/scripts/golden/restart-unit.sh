set -u
systemctl daemon-reload
# A stopped process holds up an orderly end for as long as systemd is patient.
[ "$(awk '/^State:/ {print $2}' /proc/$(systemctl show -p MainPID --value kubelet)/status 2>/dev/null)" != T ] ||
  systemctl kill -s KILL --kill-who=main kubelet
systemctl reset-failed kubelet 2>/dev/null
if ! systemctl restart kubelet; then
  journalctl -u kubelet -n 3 --no-pager -o cat >&2; exit 1
fi
echo "changed: unit kubelet"
