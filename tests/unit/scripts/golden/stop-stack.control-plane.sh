set -eu
# An engine of Windlass's is gone by now where a removal broke off behind it.
containers=; ! command -v docker >/dev/null || containers=$(docker ps -aq --filter label=com.docker.compose.project=windlass-control-plane)
if [ -n "$containers" ]; then
  docker stop -t 75 $containers >/dev/null
  docker rm -fv $containers >/dev/null
  echo "changed: stack control-plane"
fi
rm -rf /etc/windlass/stacks/control-plane /var/log/windlass/audit /etc/windlass/pki.sealed
