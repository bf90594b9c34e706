mark=$(cat /etc/windlass/cluster 2>/dev/null)
case "$mark" in ""|demo) ;; *) exit 0 ;; esac
if [ -e /etc/windlass ] || [ -e /var/lib/windlass ] || [ -n "$(docker ps -aq --filter label=io.windlass.cluster=demo 2>/dev/null)" ]; then echo "changed: the cluster from the host"; fi
:
