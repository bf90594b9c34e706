set -e
(
set -eu
unfinished=/opt/windlass/docker-unfinished broken_off=yes
if [ ! -e $unfinished ]; then
  if command -v dockerd >/dev/null; then exit 0; fi
  broken_off=no
fi

if [ "$(. /etc/os-release; echo "$ID ${VERSION_ID:-}")" != 'debian 12' ]; then
  echo "the mirror's packages of Docker Engine are of debian 12, and this is" \
    "$(. /etc/os-release; echo "$PRETTY_NAME"), whose own they would replace; install Docker Engine by its means" >&2
  exit 1
fi
[ ! -e /etc/windlass/proxy.env ] || { set -a; . /etc/windlass/proxy.env; set +a; }
export DEBIAN_FRONTEND=noninteractive
log=/var/log/windlass-docker-install.log
mkdir -p "${unfinished%/*}"
touch $unfinished

again=--skip-same-version
# What is unpacked but was not set up counts as the same version.
[ $broken_off = no ] || again=
deadline=$(( $(date +%s) + 240 ))
until dpkg --force-confold $again -i /opt/windlass/artifacts/0123/*.deb >$log 2>&1; do
  if ! grep -q 'locked by another process' $log || [ "$(date +%s)" -ge $deadline ]; then tail -n 3 $log >&2; exit 1; fi
  sleep 1
done

systemctl enable --now docker >/dev/null 2>&1
rm $unfinished
echo "changed: docker engine"

)
(
set -eu

)
