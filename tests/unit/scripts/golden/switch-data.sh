set -eu
cd /var/lib/windlass/etcd
if [ -e /var/lib/windlass/etcd/restore-abc/data/member ]; then
  [ ! -e member ] || { mv -T member member.before-abc; echo "changed: kept the old data as /var/lib/windlass/etcd/member.before-abc"; }
  mv -T /var/lib/windlass/etcd/restore-abc/data/member member
  echo "changed: put the restored data in place"
fi
echo abc > recovered
rm -rf restore-*
sync -f .
