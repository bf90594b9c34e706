set -eu
for directory in /etc/windlass/stacks/*/; do
  stack=${directory%/}; stack=${stack##*/}
  case $stack in etcd|control-plane|api-proxy|my-stack|'*') continue ;; esac
  containers=$(docker ps -aq --filter "label=com.docker.compose.project=windlass-$stack")
  [ -z "$containers" ] || docker rm -fv $containers >/dev/null
  rm -rf "$directory"
  echo "changed: removed stack $stack"
done
