set -eu
exec 9</etc/windlass/stacks/control-plane
flock 9
have=$(docker ps --filter label=com.docker.compose.project=windlass-control-plane --filter status=running --format '{{.Label "io.windlass.component"}}={{.Label "io.windlass.digest"}}' | LC_ALL=C sort)
if [ "$have" = 'kube-apiserver=sha256:1
kube-scheduler=sha256:2' ]; then exit 0; fi
log=$(mktemp); trap 'rm -f $log' EXIT
cd /etc/windlass/stacks/control-plane
if ! docker compose -p windlass-control-plane -f compose.yaml up -d --remove-orphans >$log 2>&1; then tail -n 3 $log >&2; exit 1; fi
echo "changed: stack control-plane"
