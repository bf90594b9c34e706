ip -o addr show to 192.0.2.100 | while read -r _ link _ with_prefix _; do
  [ "${with_prefix%/*}" != 192.0.2.100 ] || echo "holds=$link"
done
