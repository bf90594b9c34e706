export no_proxy='*' NO_PROXY='*'
set -eu
umask 022
mkdir -p /opt/windlass/artifacts
fetch() { # directory name url sha256 archive|file
  [ ! -e "$1" ] || return 0
  # Its own directory: what a killed task left running here may still be at the same artifact.
  for old in "$1".part.*; do [ -d "/proc/${old##*.}" ] || rm -rf "$old"; done
  part="$1.part.$$"; mkdir -p "$part"
  # What went wrong is kept in a variable: on a full disk a file of it would be empty.
  if ! why=$(curl -fsSL --retry 3 --retry-connrefused --connect-timeout 5 -o "$part/file" "$3" 2>&1); then
    free=$(df -Pk "$part" | awk 'NR == 2 { print $4 }'); rm -rf "$part"
    echo "cannot fetch $3: $(echo "$why" | tail -n1); $free KiB are free in /opt/windlass/artifacts" >&2; exit 69
  fi
  got=$(sha256sum "$part/file"); got=${got%% *}
  if [ "$got" != "$4" ]; then
    echo "$3 has sha256 $got, but the lock says $4" >&2; rm -rf "$part"; exit 65
  fi
  if [ "$5" = archive ]; then tar -xf "$part/file" -C "$part" --no-same-owner; rm "$part/file"
  else chmod 755 "$part/file"; fi
  sync -f "$part"
  if mv -T "$part" "$1" 2>/dev/null; then echo "changed: $2"; else rm -rf "$part"; [ -e "$1" ]; fi
}
link() { # target path
  [ "$(readlink "$2" 2>/dev/null)" != "$1" ] || return 0
  mkdir -p "${2%/*}"; ln -sfn "$1" "$2.$$"; mv -T "$2.$$" "$2"
  echo "changed: $2"
}
fetch /opt/windlass/artifacts/0000000000000000 'kubelet v1.37.2' http://192.0.2.9:8080/files/kubelet/v1.37.2/kubelet 0000000000000000000000000000000000000000000000000000000000000001 file
link /opt/windlass/artifacts/0000000000000000/file /opt/windlass/v1.37.2/bin/kubelet
fetch /opt/windlass/artifacts/0000000000000000 'cni-plugins v1.9.0' http://192.0.2.9:8080/files/cni-plugins/v1.9.0/cni-plugins 0000000000000000000000000000000000000000000000000000000000000002 archive
link /opt/windlass/artifacts/0000000000000000/bridge /opt/cni/bin/bridge
link /opt/windlass/artifacts/0000000000000000/loopback /opt/cni/bin/loopback
