say() { printf '%s=%s\n' "$1" "$2"; }
if [ ! -d /opt/windlass/artifacts ]; then say programs known
elif programs=$(ls /opt/windlass/artifacts 2>/dev/null); then
  say programs known
  for program in $programs; do say program "$program"; done
fi
# An engine that lists containers and does not tell of all of them has not said that any is missing.
engine=silent; containers=
if ids=$(timeout 20 docker ps -aq --no-trunc --filter label=io.windlass.component 2>/dev/null); then
  if [ -z "$ids" ] || containers=$(timeout 20 docker inspect --format '{{json .}}' $ids 2>/dev/null); then
    engine=answers; printf '%s\n' "$containers"
  fi
fi
say engine $engine
if [ $engine = answers ]; then say images docker
  timeout 20 docker image inspect 192.0.2.9:5000/windlass/etcd@sha256:1 >/dev/null 2>&1 && say image "docker "192.0.2.9:5000/windlass/etcd@sha256:1
fi
[ ! -L /opt/cni/bin/bridge ] || say link "/opt/cni/bin/bridge $(readlink /opt/cni/bin/bridge)"
digest=$( { find /etc/docker/daemon.json -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1)
say setting "$digest:$(cat /var/lib/windlass/applied/docker-settings 2>/dev/null):docker settings"
digest=$( { find /etc/windlass/containerd/config.toml -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1)
state=$(systemctl is-active windlass-containerd 2>/dev/null)
say unit "windlass-containerd:${state:-unknown}:$digest:$(cat /var/lib/windlass/applied/windlass-containerd 2>/dev/null)"
sed -n 's|^ExecStart=/opt/windlass/containerd/\([^/]*\)/bin/.*|version=containerd \1|p' /etc/systemd/system/windlass-containerd.service 2>/dev/null
ctr=$(command -v /opt/windlass/containerd/v2.2.0/bin/ctr || ls /opt/windlass/containerd/*/bin/ctr 2>/dev/null | tail -n 1)
if [ -n "$ctr" ] && images=$(timeout 20 $ctr -a /run/windlass/containerd.sock -n k8s.io images ls -q 2>/dev/null); then
  say images containerd; for image in $images; do say image "containerd $image"; done
fi
digest=$( { find /etc/systemd/system/kubelet.service '/etc/windlass/my config' -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; readlink -f /opt/windlass/v1.37.2/bin/kubelet
  } | sha256sum | cut -d' ' -f1)
state=$(systemctl is-active kubelet 2>/dev/null)
say unit "kubelet:${state:-unknown}:$digest:$(cat /var/lib/windlass/applied/kubelet 2>/dev/null)"
sed -n 's|^ExecStart=/opt/windlass/\([^/]*\)/bin/.*|version=kubelet \1|p' /etc/systemd/system/kubelet.service 2>/dev/null
sed -n 's/^file /own=/p' /var/lib/windlass/own/record 2>/dev/null
say complete yes