set -eu
digest=$( { find /etc/docker/daemon.json -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1)
[ "$(cat /var/lib/windlass/applied/docker-settings 2>/dev/null)" != "$digest" ] || exit 0

if [ -z "$(docker ps -q)" ]; then restart=yes; else restart=no; fi

# A proxy is taken by a restart alone; with live-restore, containers run on through it.
proxy=$(cat /etc/systemd/system/docker.service.d/90-windlass-proxy.conf /etc/windlass/proxy.env 2>/dev/null | sha256sum | cut -d' ' -f1)
before=$(cat /var/lib/windlass/applied/docker-proxy 2>/dev/null || printf '' | sha256sum | cut -d' ' -f1)
if [ "$proxy" != "$before" ]; then restart=yes; systemctl daemon-reload; fi
if [ $restart = yes ]; then systemctl restart docker; else systemctl reload docker; fi
mkdir -p /var/lib/windlass/applied; echo "$proxy" >/var/lib/windlass/applied/docker-proxy

mkdir -p /var/lib/windlass/applied; echo "$digest" > /var/lib/windlass/applied/docker-settings.new; mv /var/lib/windlass/applied/docker-settings.new /var/lib/windlass/applied/docker-settings
echo "changed: docker settings"
