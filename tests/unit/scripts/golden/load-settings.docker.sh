set -eu
digest=$( { find /etc/docker/daemon.json -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1)
[ "$(cat /var/lib/windlass/applied/docker-settings 2>/dev/null)" != "$digest" ] || exit 0

if [ -z "$(docker ps -q)" ]; then systemctl restart docker; else systemctl reload docker; fi

mkdir -p /var/lib/windlass/applied; echo "$digest" > /var/lib/windlass/applied/docker-settings.new; mv /var/lib/windlass/applied/docker-settings.new /var/lib/windlass/applied/docker-settings
echo "changed: docker settings"
