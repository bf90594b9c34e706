set -eu
command -v docker >/dev/null || exit 0
of() { docker ps -q --filter "label=com.docker.compose.project=windlass-$1"; docker ps -q --filter status=restarting   --filter "label=com.docker.compose.project=windlass-$1"; }
# What asks etcd is not waited for: what it would still write is thrown away.
control=$(of control-plane | sort -u); members=$(of etcd | sort -u)
[ -z "$control" ] || { docker stop -t 0 $control >/dev/null; echo "changed: stopped the control plane"; }
[ -z "$members" ] || { docker stop -t 10 $members >/dev/null; echo "changed: stopped etcd"; }
