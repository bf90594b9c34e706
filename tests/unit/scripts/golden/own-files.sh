set -u
umask 077
own=/var/lib/windlass/own
forget() { # line; where it is the last one grep finds no other, which is no failure
  grep -vxF "$1" $own/record >$own/record.new || [ $? = 1 ]
  mv $own/record.new $own/record
}
take_away() { # path
  if [ -e "$own/kept$1" ] || [ -L "$own/kept$1" ]; then
    mkdir -p "${1%/*}"; cp -a "$own/kept$1" "$1.windlass"; mv -T "$1.windlass" "$1"; rm -f "$own/kept$1"
    echo "changed: $1, which is again what it was"
  else rm -f "$1"; echo "changed: $1, which is gone"; fi
  forget "file $1"
}
take_directories() { # made for such files, and empty by now
  sed -n 's/^dir //p' $own/record | LC_ALL=C sort -r | while IFS= read -r path; do
    ! grep -qF "$path/" $own/wanted || continue
    [ ! -d "$path" ] || rmdir "$path" 2>/dev/null || continue
    forget "dir $path"
  done
}
keep() { # path
  ! grep -qxF "file $1" $own/record || return 0
  if [ -d "$1" ]; then
    echo "$1 is a directory here, and a file in the spec; move it away, or give the file another path" >&2; exit 1
  fi
  directory=${1%/*}
  while [ -n "$directory" ] && [ ! -e "$directory" ]; do
    echo "dir $directory" >>$own/record; directory=${directory%/*}
  done
  if [ -e "$1" ] || [ -L "$1" ]; then
    mkdir -p "$own/kept${1%/*}"; rm -rf $own/copy; cp -a "$1" $own/copy; mv -T $own/copy "$own/kept$1"
  fi
  sync -f $own; echo "file $1" >>$own/record
}
( umask 022; mkdir -p "${own%/*}" )
mkdir -p $own/kept
touch $own/record
printf '%s\n' /etc/multipath.conf /etc/sysctl.d/91-windlass-own.conf >$own/wanted
while IFS= read -r path; do keep "$path" || exit 1; done <$own/wanted
for path in $(sed -n 's/^file //p' $own/record | grep -vxF -f $own/wanted); do take_away "$path"; done
take_directories
