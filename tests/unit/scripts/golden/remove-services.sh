set -u
touch /run/xtables.lock
/opt/windlass/containerd/2.2.0/bin/ctr -a /run/windlass/containerd.sock -n k8s.io containers delete windlass-remove-services 2>/dev/null
if ! told=$(/opt/windlass/containerd/2.2.0/bin/ctr -a /run/windlass/containerd.sock -n k8s.io run --rm --net-host --privileged --mount type=bind,src=/run/xtables.lock,dst=/run/xtables.lock,options=rbind:rw \
  192.0.2.9:5000/windlass/kube-proxy@sha256:2 windlass-remove-services kube-proxy --cleanup 2>&1); then
  echo "kube-proxy does not take its rules away: $(printf %s "$told" | tail -n 1)" >&2; exit 1
fi
echo "changed: rules of kube-proxy removed"
