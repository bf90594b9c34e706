set -eu
[ "$(stat -c %a /var/lib/windlass/etcd 2>/dev/null)" = 700 ] || { mkdir -p /var/lib/windlass/etcd; chmod 700 /var/lib/windlass/etcd; echo "changed: "/var/lib/windlass/etcd; }
[ "$(stat -c %a '/var/lib/my data' 2>/dev/null)" = 755 ] || { mkdir -p '/var/lib/my data'; chmod 755 '/var/lib/my data'; echo "changed: "'/var/lib/my data'; }
