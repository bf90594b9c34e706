say() { printf '%s=%s\n' "$1" "$2"; }
find /etc/windlass /etc/cni/net.d /etc/systemd/system/kubelet.service -exec stat -c 'file=%a %U:%G %n' {} + 2>/dev/null
stat -c 'file=%a %U:%G %n' /var/lib/windlass/etcd 2>/dev/null
for component in kube-apiserver kube-controller-manager kube-scheduler etcd; do
  args=$(timeout 20 docker inspect --type container --format '{{if .State.Running}}{{json .Args}}{{end}}' \
    "windlass-$component" 2>/dev/null) && [ -n "$args" ] && say args "$component $args"
done
pid=$(systemctl show -p MainPID --value kubelet 2>/dev/null)
if [ "${pid:-0}" != 0 ] && [ -r "/proc/$pid/cmdline" ]; then
  say kubelet runs
  tr '\0' '\n' <"/proc/$pid/cmdline" | sed -n 's/^--/kubelet_arg=--/p'
fi
document() { [ ! -r "$2" ] || say document "$1 $(base64 <"$2" | tr -d '\n')"; }
document kubelet /etc/windlass/kubelet/config.yaml
document admission /etc/windlass/stacks/control-plane/admission.yaml
document audit-policy /etc/windlass/stacks/control-plane/audit-policy.yaml
document authentication /etc/windlass/stacks/control-plane/authentication.yaml
grep -oE '^ *- (secretbox|identity|aescbc|aesgcm|kms):' /etc/windlass/encryption.yaml 2>/dev/null | tr -d ' :-' | sed 's/^/provider=/'
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
  awk '$4 == "0A" && $2 ~ /:2809$/ {print "proxy_metrics=" $2}'
say complete yes
