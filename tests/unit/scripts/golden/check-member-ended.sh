
set -- $(docker inspect --format '{{.State.Status}} {{.RestartCount}}' windlass-etcd 2>/dev/null || echo gone 0)
[ "$1" = running ] && [ "$2" -lt 2 ] || echo "changed: ended"
