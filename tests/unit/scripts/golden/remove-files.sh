for file in '/etc/windlass/my key' /etc/windlass/pki/etcd/server.key; do [ ! -e "$file" ] || { rm -f "$file"; echo "changed: $file"; }; done
