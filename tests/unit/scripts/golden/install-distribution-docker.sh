set -eu
unfinished=/opt/windlass/docker-unfinished broken_off=yes
if [ ! -e $unfinished ]; then
  if command -v dockerd >/dev/null; then exit 0; fi
  broken_off=no
fi
[ ! -e /etc/windlass/proxy.env ] || { set -a; . /etc/windlass/proxy.env; set +a; }
export DEBIAN_FRONTEND=noninteractive
log=/var/log/windlass/docker-install.log
mkdir -p "${unfinished%/*}" "${log%/*}"
touch $unfinished
if ! { { [ $broken_off = no ] || dpkg --configure -a; } && apt-get -o DPkg::Lock::Timeout=240 update && apt-get -o DPkg::Lock::Timeout=240 install -y docker.io iptables $(apt-cache pkgnames docker-cli | grep -x docker-cli)
  } >$log 2>&1; then tail -n 3 $log >&2; exit 1; fi

systemctl enable --now docker >/dev/null 2>&1
rm $unfinished
echo "changed: docker engine"
