modules=wireguard
kernel=$(uname -r)
lists=$(ls /lib/modules/$kernel/modules.dep /lib/modules/$kernel/modules.builtin 2>/dev/null)
built=$(gzip -dc /proc/config.gz 2>/dev/null || cat /boot/config-$kernel 2>/dev/null)
for module in $modules; do
  [ -n "$lists$built" ] || break
  [ ! -d /sys/module/$module ] || continue
  file=$(printf %s $module | sed 's/_/[-_]/g')
  [ -z "$lists" ] || ! grep -qE "(^|/)$file\.ko" $lists || continue
  option=$(printf %s $module | tr a-z A-Z)
  ! printf '%s
' "$built" | grep -qE "^CONFIG_$option=[my]$" || continue
  echo "lacks=$module"
done
:
