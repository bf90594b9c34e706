set -eu
digest=$( { find /etc/sysctl.d/90-windlass.conf /etc/modules-load.d/windlass.conf -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1)
[ "$(cat /var/lib/windlass/applied/kernel-settings 2>/dev/null)" != "$digest" ] || exit 0

[ ! -e /etc/modules-load.d/windlass.conf ] || xargs -rn1 modprobe -q < /etc/modules-load.d/windlass.conf || :
own=/var/lib/windlass/own/parameters names=$(sed -n 's/^\([^#= ]*\) *=.*/\1/p' /etc/sysctl.d/91-windlass-own.conf 2>/dev/null) || names=
if [ -e $own ]; then
  while IFS='=' read -r name value; do
    if printf '%s\n' "$names" | grep -qxF "$name"; then echo "$name=$value"
    else sysctl -q -e -w "$name=$value" >&2 || :; fi
  done <$own >$own.new
  mv $own.new $own
fi
sysctl -q -e -p /etc/sysctl.d/90-windlass.conf || :
if [ -n "$names" ]; then
  mkdir -p /var/lib/windlass/own; touch $own
  for name in $names; do
    if ! cut -d= -f1 $own | grep -qxF "$name" && value=$(sysctl -n "$name" 2>/dev/null); then
      echo "$name=$value" >>$own
    fi
  done
  if ! said=$(sysctl -q -p /etc/sysctl.d/91-windlass-own.conf 2>&1); then
    echo "the kernel does not take what spec.sysctls asks for: $(echo "$said" | head -n 3)" >&2; exit 1
  fi
fi

mkdir -p /var/lib/windlass/applied; echo "$digest" > /var/lib/windlass/applied/kernel-settings.new; mv /var/lib/windlass/applied/kernel-settings.new /var/lib/windlass/applied/kernel-settings
echo "changed: kernel settings"
