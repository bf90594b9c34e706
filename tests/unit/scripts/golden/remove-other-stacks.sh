set -eu
release_address() {
  [ -e /etc/windlass/stacks/virtual-address/keepalived.conf ] || return 0
  for address in $(sed -n '/virtual_ipaddress/,/}/s/^ *\([0-9a-f.:]*\)\/[0-9]* dev .*/\1/p' /etc/windlass/stacks/virtual-address/keepalived.conf); do
    ip -o addr show to "$address" | while read -r _ link _ with_prefix _; do
      [ "${with_prefix%/*}" = "$address" ] || continue
      ip addr del "$with_prefix" dev "$link" && echo "changed: address $address"
    done
  done
}
for directory in /etc/windlass/stacks/*/; do
  stack=${directory%/}; stack=${stack##*/}
  case $stack in etcd|control-plane|api-proxy|my-stack|'*') continue ;; esac
  containers=$(docker ps -aq --filter "label=com.docker.compose.project=windlass-$stack")
  [ -z "$containers" ] || { docker stop $containers >/dev/null; docker rm -fv $containers >/dev/null; }
  [ "$stack" != virtual-address ] || release_address
  if grep -qsxF 'x-windlass-data: delete' "$directory/compose.yaml"; then rm -rf /var/lib/windlass/stacks/$stack; fi
  rm -rf "$directory"
  echo "changed: removed stack $stack"
done
