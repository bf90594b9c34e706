
if [ "$(cat /var/lib/windlass/etcd/recovered 2>/dev/null)" = abc ]; then echo stage=switched
elif [ -e /var/lib/windlass/etcd/restore-abc/done ]; then echo stage=restored; fi
[ -e /var/lib/windlass/etcd/member ] && echo old=yes
for directory in /var/lib/windlass/etcd /var/lib/windlass /var/lib; do
  [ -d "$directory" ] && df -Pk "$directory" | awk 'NR > 1 {print "free=" $4}' && break
done
