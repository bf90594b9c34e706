
state=$(docker inspect --format '{{.State.Status}}' windlass-etcd 2>/dev/null)
case $state in
  running) echo process=running ;;
  '') if pgrep -x etcd >/dev/null; then echo process=running
      elif docker version >/dev/null 2>&1 || ! command -v docker >/dev/null; then echo process=absent
      else echo process=stopped; fi ;;
  *) echo process=stopped ;;
esac
ls /var/lib/windlass/etcd/member/wal/*.wal >/dev/null 2>&1 && echo data=yes || echo data=no
for directory in /var/lib/windlass/etcd /var/lib/windlass /var/lib; do
  [ -d "$directory" ] && df -Pk "$directory" | awk 'NR > 1 {print "free=" $4}' && break
done
