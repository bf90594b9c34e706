mark=$(cat /etc/windlass/cluster 2>/dev/null)
case "$mark" in ""|demo) ;; *) exit 0 ;; esac
kept=$(ls -A /var/lib/windlass 2>/dev/null | grep -vx lost+found)
containers=$(docker ps -aq --filter label=io.windlass.cluster=demo 2>/dev/null)
if [ -e /etc/windlass ] || [ -n "$kept$containers" ]; then echo "changed: the cluster from the host"; fi
:
