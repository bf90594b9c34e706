#!/bin/sh
# Usage: build-debootstrap.sh MIRROR ROOT TARBALL: writes the host image's root file system as a tar archive.
# Needs root and debootstrap. ROOT is a directory that does not exist yet; it is removed at the end.
set -eu
mirror=$1 root=$2 tarball=$3
here=$(dirname "$0")
packages=$(grep -v '^#' "$here/packages" | paste -sd,)

trap 'rm -rf --one-file-system "$root"' EXIT
debootstrap --variant=minbase --include="$packages" bookworm "$root" "$mirror"
cp "$here/setup.sh" "$root/setup.sh"
chroot "$root" /bin/sh /setup.sh
rm "$root/setup.sh"
tar --create --file "$tarball.new" --directory "$root" --numeric-owner --xattrs .
mv "$tarball.new" "$tarball"
