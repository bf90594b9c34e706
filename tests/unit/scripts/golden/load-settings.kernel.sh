set -eu
digest=$( { find /etc/sysctl.d/90-windlass.conf /etc/modules-load.d/windlass.conf -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1)
[ "$(cat /var/lib/windlass/applied/kernel-settings 2>/dev/null)" != "$digest" ] || exit 0

[ ! -e /etc/modules-load.d/windlass.conf ] || xargs -rn1 modprobe -q < /etc/modules-load.d/windlass.conf || :
sysctl -q -e -p /etc/sysctl.d/90-windlass.conf || :

mkdir -p /var/lib/windlass/applied; echo "$digest" > /var/lib/windlass/applied/kernel-settings.new; mv /var/lib/windlass/applied/kernel-settings.new /var/lib/windlass/applied/kernel-settings
echo "changed: kernel settings"
