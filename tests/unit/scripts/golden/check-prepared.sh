
for file in /etc/windlass/pki/etcd/peer.key /etc/windlass/pki/apiserver.key /etc/systemd/system/kubelet.service; do [ -s "$file" ] || exit 0; done
for stack in api-proxy etcd control-plane; do
  cd /etc/windlass/stacks/$stack 2>/dev/null || exit 0
  for image in $(sed -n 's/^ *image: *"*\([^"]*\)"*$/\1/p' compose.yaml); do
    docker image inspect "$image" >/dev/null 2>&1 || exit 0
  done
done
echo "changed: nothing"
